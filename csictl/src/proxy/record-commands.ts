import type { Command } from 'commander';
import { action } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';
import { listOption } from '../trial/trial-flags.ts';

const recordExamples = `
Examples:
  csictl record --endpoint unix:///run/csi.sock --listen unix:///run/proxy.sock --file calls.jsonl
  csictl record --endpoint unix:///run/csi.sock --listen unix:///run/proxy.sock -v \\
    --fault NodeStageVolume:3:drop-reply --fault 'CreateVolume:every:delay=2s' --fault '*:10:error=UNAVAILABLE'

Point the orchestrator at --listen. Each call is one line of JSON, on disk before its caller has the answer. Values of
secrets, mount flags, publish contexts and workload tokens are never written.
Faults are METHOD:N:KIND, N a number or every, METHOD an RPC or *:
  drop-reply[=CODE]     the driver does its work; the caller hears nothing until it gives up (or CODE at once)
  drop-request[=CODE]   the driver hears nothing either
  delay=2s              the call reaches the driver later
  error=CODE            the caller gets CODE, the driver hears nothing
  duplicate             the driver gets the call twice, one after the other
`;

/** `csictl record` */
export function addRecordCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('record')
    .description('passes calls on to a driver, writes them down, and can harm them on purpose')
    .addHelpText('after', recordExamples)
    .requiredOption('--listen <url>', 'socket to take calls at, unix:///path')
    .option('--file <file>', 'where calls are written, one line of JSON each; must not be there yet')
    .option('--max-size <quantity>', 'the file grows no further', '64Mi')
    .addOption(listOption('--fault <fault>', 'what to do to a call: METHOD:N:KIND (repeatable)'));
  const run = async () => (await import('./record-command.ts')).record;
  command.action(action(terminal, async (session, given) => (await run())(session, given), { isLong: true }));
}

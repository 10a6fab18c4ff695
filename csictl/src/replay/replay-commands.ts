import type { Command } from 'commander';
import { action } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';
import { listOption } from '../trial/trial-flags.ts';

const examples = `
Examples:
  csictl replay calls.jsonl --endpoint unix:///run/other.sock --clean
  csictl replay calls.jsonl --endpoint unix:///run/other.sock --map-path /var/lib/kubelet=/tmp/replay -o wide

Calls are played in their order, those that were under way at once at once again. Ids, contexts, tokens and the node are
the new driver's; times, free space and usage are not compared. Exit code 0: all answers are alike; 1: some are not.
`;

/** `csictl replay` */
export function addReplayCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('replay <file>')
    .description('plays a recording at another driver and shows where it answers otherwise')
    .addHelpText('after', examples)
    .addOption(
      listOption('--map-path <old=new>', 'paths that begin so begin otherwise (repeatable); directories are made'),
    )
    .addOption(listOption('--secret <key=@file>', 'in the place of the stripped secret of this key (repeatable)'))
    .option('--secrets-file <file>', 'secrets as a JSON or YAML map')
    .option(
      '--keep-names',
      'create under the recorded names; else each gets a new end, so that nothing that is there is touched',
    )
    .option('--clean', 'take back what the recording left at the driver');
  const run = async () => (await import('./replay-command.ts')).replayFile;
  command.action(action(terminal, async (session, given) => (await run())(session, given), { isLong: true }));
}

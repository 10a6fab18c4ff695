import type { Command } from 'commander';
import { action } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';
import { addTrialFlags, listOption } from '../trial/trial-flags.ts';

const examples = `
Examples:
  csictl conformance --endpoint unix:///run/csi.sock
  csictl conformance --endpoint unix:///run/csi.sock --only publish --only limits.name-of-129-bytes
  csictl conformance --endpoint unix:///run/csi.sock --cap SINGLE_NODE_WRITER,block --param backend=image --size 64Mi -o junit
  csictl conformance --list -o wide

Run it as root on the driver's node: node calls and what they mount are checked there only. It leaves nothing behind.
Where csi-sanity is on PATH or named, it runs too.
`;

/** `csictl conformance` */
export function addConformanceCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('conformance')
    .description('checks a driver against the rules of CSI 1.13, and runs csi-sanity where it is installed')
    .addHelpText('after', examples)
    .option('--list', 'list the checks with their rules, and call nothing')
    .addOption(listOption('--only <check>', 'this check or group alone (repeatable); csi-sanity is one'))
    .option('--csi-sanity <file>', 'the csi-sanity program; else the one on PATH')
    .option('--no-node', 'leave out node calls: the driver mounts elsewhere');
  addTrialFlags(command);
  const run = async () => (await import('./conformance-command.ts')).conformance;
  command.action(
    action(terminal, async (session, given) => (await run())(session, given), { isLong: true, hasJunit: true }),
  );
}

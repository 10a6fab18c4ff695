import type { Command } from 'commander';
import { action } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';
import { addTrialFlags } from '../trial/trial-flags.ts';

const examples = `
Examples:
  csictl bench --endpoint unix:///run/csi.sock
  csictl bench --endpoint unix:///run/csi.sock --concurrency 16 --count 1000 -o json
  csictl bench --endpoint unix:///run/csi.sock --duration 30s --size 64Mi --param backend=image --cap SINGLE_NODE_WRITER,mount,ext4

Each volume is created, attached where the driver attaches, staged, published, unpublished, unstaged, detached and deleted.
Run it as root on the driver's node; elsewhere only create and delete are measured. It leaves nothing behind, also after Ctrl-C.
`;

/** `csictl bench` */
export function addBenchCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('bench')
    .description('measures how fast a driver takes volumes through their life')
    .addHelpText('after', examples)
    .option('--concurrency <n>', 'volumes at a time', '1')
    .option('--count <n>', 'volumes in all (default: 100)')
    .option('--duration <duration>', 'begin new volumes for so long, e.g. 30s')
    .option('--no-node', 'controller calls alone');
  addTrialFlags(command);
  const run = async () => (await import('./bench-command.ts')).bench;
  command.action(action(terminal, async (session, given) => (await run())(session, given), { isLong: true }));
}

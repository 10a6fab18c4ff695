import { type Command, Option } from 'commander';
import { action } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';
import { listOption } from '../trial/trial-flags.ts';
import { flagsOf, type RequestFlag } from './request-flags.ts';
import { type Rpc, rpcs } from './rpc.ts';
import { exampleOf } from './rpc-examples.ts';

const overview = `
Examples:
  csictl csi probe --endpoint unix:///run/csi.sock
  csictl csi create-volume --name data --size 1Gi --cap SINGLE_NODE_WRITER,mount,ext4 --param backend=image
  csictl csi create-volume --template > volume.yaml; csictl csi create-volume --request volume.yaml
  csictl csi list-volumes --all-pages -o json
  csictl csi node-stage-volume --volume-id ID --staging-target-path /mnt/stage \\
    --cap SINGLE_NODE_WRITER,mount,ext4 --secret password=@/run/secrets/password
  csictl csi delete-volume --volume-id ID --timeout 2m -v

Values of secrets come from files alone and are never printed. A value that begins with "-" is written --flag=VALUE.
`;

/** `csictl csi`: every RPC of the specification as a command. */
export function addCsiCommands(program: Command, terminal: Terminal): void {
  const csi = program
    .command('csi')
    .description('calls any RPC of CSI 1.13 at any driver')
    .addHelpText('after', overview);
  for (const rpc of rpcs) addRpc(csi, rpc, terminal);
}

function addRpc(csi: Command, rpc: Rpc, terminal: Terminal): void {
  const command = csi
    .command(rpc.command)
    .description(`${rpc.serviceName}.${rpc.method}${rpc.isStream ? ', streamed' : ''}${rpc.isAlpha ? ' (alpha)' : ''}`)
    .addHelpText('after', `\nExample:\n  ${exampleOf(rpc)}\n`);
  for (const { flags } of flagsOf(rpc.request)) for (const flag of flags) command.addOption(optionOf(flag));
  if (rpc.request.fieldsArray.length > 0) {
    command.option('--request <file>', 'request as JSON or YAML; flags replace its fields');
    command.option('--template', 'print a request to fill in, and call nothing');
  }
  if (rpc.response.fields['nextToken']) command.option('--all-pages', 'follow the pages to the last');
  command.action(
    action(terminal, async (session, given) => (await import('./run-rpc.ts')).runRpc(session, rpc, given)),
  );
}

function optionOf({ flags, description, isList }: RequestFlag): Option {
  return isList ? listOption(flags, description) : new Option(flags, description);
}

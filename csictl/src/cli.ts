import { addHelpCommands } from '@berth/kit';
import { Argument, Command, CommanderError, Option } from 'commander';
import { addBenchCommand } from './bench/bench-commands.ts';
import { action } from './command-action.ts';
import { bashCompletion } from './commands/completion.ts';
import { addConformanceCommand } from './conformance/conformance-commands.ts';
import { addCsiCommands } from './csi/csi-commands.ts';
import { failureOf } from './csictl-error.ts';
import { addNfsCommands } from './nfs/nfs-commands.ts';
import { outputFormats } from './output/print.ts';
import { addRecordCommand } from './proxy/record-commands.ts';
import { addReplayCommand } from './replay/replay-commands.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

const examples = `
Examples:
  csictl driver info
  csictl driver probe --endpoint unix:///var/lib/kubelet/plugins/csi.example.com/csi.sock
  csictl volumes -o wide
  csictl volumes default/www-web-0 -o json
  csictl mounts -n default
  csictl csi create-volume --name data --size 1Gi --cap SINGLE_NODE_WRITER,mount,ext4
  csictl conformance --endpoint unix:///run/csi.sock
  csictl bench --endpoint unix:///run/csi.sock --concurrency 16
  csictl record --endpoint unix:///run/csi.sock --listen unix:///run/proxy.sock --file calls.jsonl
  csictl nfs cp -r nfs://server/share/dir ./dir
  csictl mounts --kubelet-dir /var/lib/kubelet --kubeconfig ~/.kube/config
  source <(csictl completion bash)

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 124 timed out.
`;

const driverExamples = `
Examples:
  csictl driver info -o wide
  csictl driver capabilities -o json
  csictl driver probe --endpoint unix:///var/lib/kubelet/plugins/csi.example.com/csi.sock
`;

const volumesExamples = `
Examples:
  csictl volumes -o wide
  csictl volumes -n default
  csictl volumes default/www-web-0 -o json
  csictl volumes --endpoint unix:///run/csi.sock --kubelet-dir /var/lib/kubelet --kubeconfig ~/.kube/config
`;

const mountsExamples = `
Examples:
  csictl mounts -n default
  csictl mounts --all -o wide
  csictl mounts --kubelet-dir /var/lib/kubelet --kubeconfig ~/.kube/config

STATE is ok; orphaned, where nobody wants the mount; missing, where it is recorded and not mounted; broken, where what
served it died; silent, where its server does not answer; or how often it is mounted over itself. -o wide says why.
`;

const completionExamples = `
Examples:
  source <(csictl completion bash)
  csictl completion bash > /etc/bash_completion.d/csictl
`;

const undeleteExamples = `
Examples:
  csictl undelete
  csictl undelete -o json
  csictl undelete 0d0c1f0e-6d7e-4c6a-9a37-6f1f5d0e7b55
  csictl undelete 0d0c1f0e-6d7e-4c6a-9a37-6f1f5d0e7b55 | kubectl apply -f -
`;

/** Runs csictl to its end. @returns the exit code. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = buildProgram(terminal);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { exitCode, message, hint } = failureOf(error);
    terminal.err(`csictl: ${message}\n`);
    if (hint !== undefined) terminal.err(`hint: ${hint}\n`);
    return exitCode;
  }
}

function buildProgram(terminal: Terminal): Command {
  const program = new Command('csictl')
    .description('Looks at, calls, checks and records CSI drivers; shows their volumes and the mounts of this machine.')
    .option(
      '--endpoint <url>',
      'socket of a CSI driver, unix:///path (or CSI_ENDPOINT); else those of the data directory',
    )
    .option('--data-dir <dir>', 'data directory of berth', '/var/lib/berth')
    .option('--kubelet-dir <dir>', 'another kubelet to look at, such as /var/lib/kubelet')
    .option(
      '--kubeconfig <file>',
      "API server to ask for claims and pods; else the data directory's or, of other drivers and kubelets, KUBECONFIG's",
    )
    .option('-n, --namespace <name>', 'only what belongs to this namespace')
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(outputFormats).default('table'))
    .option('--timeout <duration>', 'give up after this long', '30s')
    .option('-v, --verbose', 'tell every call to stderr', false)
    .version(`csictl ${version}`, '--version', 'print the version')
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: (text) => terminal.err(text.replace(/^error: /, 'csictl: ')),
    });
  addDriverCommands(program, terminal);
  addLookCommands(program, terminal);
  addCsiCommands(program, terminal);
  addConformanceCommand(program, terminal);
  addBenchCommand(program, terminal);
  addRecordCommand(program, terminal);
  addReplayCommand(program, terminal);
  addNfsCommands(program, terminal);
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`csictl ${version}\n`));
  addHelpCommands(program);
  nameHelp(program, 'csictl');
  return program;
}

/** A wrong call of a command names that command's help. */
function nameHelp(command: Command, path: string): void {
  const what = command.commands.length > 0 ? 'commands and flags' : 'its flags';
  command.showHelpAfterError(`hint: ${path} --help shows ${what}, with examples`);
  for (const inner of command.commands) nameHelp(inner, `${path} ${inner.name()}`);
}

function addDriverCommands(program: Command, terminal: Terminal): void {
  const driver = program
    .command('driver')
    .description('what a driver is and can do')
    .addHelpText('after', driverExamples);
  const commands = () => import('./commands/driver.ts');
  driver
    .command('info', { isDefault: true })
    .description('name, version, node and topology')
    .addHelpText('after', driverExamples)
    .action(action(terminal, async (session) => (await commands()).driverInfo(session)));
  driver
    .command('capabilities')
    .description('what its services offer')
    .addHelpText('after', driverExamples)
    .action(action(terminal, async (session) => (await commands()).driverCapabilities(session)));
  driver
    .command('probe')
    .description('whether it is ready; fails where it is not')
    .addHelpText('after', driverExamples)
    .action(action(terminal, async (session) => (await commands()).driverProbe(session)));
}

function addLookCommands(program: Command, terminal: Terminal): void {
  program
    .command('volumes [name]')
    .description('volumes a driver has: size, usage, claim; NAME is a volume id, a PV or namespace/claim')
    .addHelpText('after', volumesExamples)
    .action(
      action(terminal, async (session, { argument }) =>
        (await import('./commands/volumes.ts')).listVolumes(session, argument),
      ),
    );
  program
    .command('mounts')
    .description('mounts of volumes on this machine, and whether they are as they should be')
    .option('-a, --all', 'also root filesystems and namespaces of containers', false)
    .addHelpText('after', mountsExamples)
    .action(
      action(terminal, async (session, { all }) => (await import('./commands/mounts.ts')).listMounts(session, all)),
    );
  program
    .command('undelete [volume]')
    .description('restores a deleted volume (class parameter onDelete=trash); without VOLUME, lists what can be')
    .addHelpText('after', undeleteExamples)
    .action(
      action(terminal, async (session, { argument }) => {
        const { listTrash, undelete } = await import('./commands/undelete.ts');
        await (argument === undefined ? listTrash(session) : undelete(session, argument));
      }),
    );
  program
    .command('completion')
    .description('completion script for a shell')
    .addHelpText('after', completionExamples)
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash']))
    .action(() => terminal.out(bashCompletion(program)));
}

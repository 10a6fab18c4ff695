import { addHelpCommands, createLogger, httpAddress, type LogLevel, logLevels, messageOf } from '@berth/kit';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parsePools } from './backend/pool-options.ts';
import { reportFormats } from './rebuild/print-report.ts';
import { StartError } from './start-error.ts';
import { version } from './version.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly now: () => number;
  /** Resolves when the program is to end: a signal, or its parent is gone. */
  readonly stopped: (untilStdinCloses: boolean) => Promise<void>;
  /** The command that starts this program again. */
  readonly self: readonly string[];
  readonly input: () => Promise<string>;
}

interface Flags {
  readonly endpoint?: string;
  readonly nodeId: string;
  readonly pool?: readonly string[];
  readonly name: string;
  readonly registrationSocket?: string;
  readonly httpEndpoint?: string;
  readonly attach?: boolean;
  readonly maxVolumesPerNode?: number;
  readonly untilStdinCloses?: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
}

const examples = `
Examples:
  csi-driver --endpoint unix:///run/csi.sock --node-id node-1 --pool /var/lib/berth/pool
  CSI_ENDPOINT=unix:///csi/csi.sock csi-driver --node-id "$NODE" --pool /pool \\
    --registration-socket /registration/csi.berth.local-reg.sock
  csi-driver --endpoint unix:///run/csi.sock --node-id node-1 \\
    --pool main=/var/lib/berth/pool --pool fast=/mnt/nvme,backend=image|directory,limit=200Gi,overcommit=1.5
  csi-driver --endpoint unix:///run/csi.sock --node-id node-1 --pool /mnt/disk,mount=required
  csi-driver recover --pool /var/lib/berth/pool --dry-run
  csi-driver --endpoint unix:///run/csi.sock --node-id node-1 --pool /pool --attach --max-volumes-per-node 64
  csi-driver version
`;

const recoverExamples = `
Give every --pool that the driver is given, in its order: DIR, or NAME=DIR for each; the first has the catalog.

Examples:
  csi-driver recover --pool /var/lib/berth/pool --dry-run
  csi-driver recover --pool main=/var/lib/berth/pool --pool fast=/mnt/nvme -o json
  csi-driver recover --pool /var/lib/berth/pool --nfs nas.example.com:/export
`;

const moreHelp = 'csi-driver --help shows the flags, with examples';

const poolHelp =
  'directory that holds the catalog and the volumes; or, repeated, ' +
  'NAME=DIR[,backend=A|B][,limit=SIZE][,overcommit=RATIO][,mount=required|MOUNTPOINT], the first with the catalog. With mount= it is ' +
  'used only while a filesystem is mounted there';

const shareHelp =
  'also what is noted on this share of an NFS server, SERVER:/SHARE[,nfsvers=V][,port=P]; repeated for more. ' +
  'Those the pool remembers are looked through in any case';

/** Runs the program to its end. @returns the exit code: 0 ended as asked, 1 failed, 2 wrong usage. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('csi-driver')
    .description(
      'CSI driver whose volumes are directories or images of a pool on this node, or directories of NFS servers.',
    )
    .option('--endpoint <url>', 'socket to serve CSI at, unix:///path (or CSI_ENDPOINT)')
    .option('--node-id <id>', 'name of this node, as volumes are tied to it')
    .option('--pool <pool>', poolHelp, (pool: string, before: readonly string[] = []) => [...before, pool])
    .option('--name <name>', 'name of the driver', 'csi.berth.local')
    .option('--attach', 'have volumes published to this node by the controller first (ControllerPublishVolume)')
    .option('--max-volumes-per-node <n>', 'how many volumes this node takes; without it, the CO decides', countOf)
    .option('--http-endpoint <address>', 'host:port or :port to serve /metrics and /healthz at')
    .option(
      '--registration-socket <path>',
      "also serve plugin registration there, in the node agent's plugins_registry",
    )
    .option('--until-stdin-closes', 'end when standard input closes, as it does when the parent process dies')
    .addOption(new Option('--log-level <level>', 'least level to log').choices(logLevels).default('info'))
    .addOption(new Option('--log-format <format>', 'form of log lines').choices(['text', 'json']).default('text'))
    .version(`csi-driver ${version}`, '--version', 'print the version')
    .addHelpText('after', examples)
    .exitOverride()
    .showHelpAfterError(moreHelp)
    .configureOutput({
      writeOut: terminal.out,
      writeErr: (text) => terminal.err(text.replace(/^error: /, 'csi-driver: ')),
    })
    .action((flags: Flags) => serve(flags, terminal));
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`csi-driver ${version}\n`));
  program
    .command('recover')
    .description('make a lost or damaged catalog anew, from the pools given by --pool; the driver must not run')
    .option('--nfs <share>', shareHelp, (share: string, before: readonly string[] = []) => [...before, share])
    .option('--dry-run', 'only tell what would be done')
    .addOption(new Option('-o, --output <format>', 'form of the report').choices(reportFormats).default('table'))
    .addHelpText('after', recoverExamples)
    .action(async (_flags: unknown, command: Command) => {
      const { runRecover } = await import('./rebuild/run-recover.ts');
      await runRecover(command.optsWithGlobals(), terminal);
    });
  // What this program starts itself as, for a system call that may hang.
  program.command('nfs-mount-helper', { hidden: true }).action(async () => {
    const { runMountHelper } = await import('./nfs-mount-helper.ts');
    terminal.out(`${runMountHelper(await terminal.input())}\n`);
  });
  let ended = 0;
  // What it starts itself as, to serve one mount on kernels without an NFS client.
  program
    .command('nfs-mount <folder> <key> <request>', { hidden: true })
    .action(async (folder: string, key: string, request: string) => {
      const { runNfsMount } = await import('./nfs-mount-command.ts');
      ended = await runNfsMount({ folder, key, request }, terminal);
    });
  addHelpCommands(program);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return ended;
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

function exitCodeOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  terminal.err(`csi-driver: ${messageOf(error)}\n`);
  const usage = error instanceof RangeError || (error instanceof StartError && error.code === 'Usage');
  if (usage) terminal.err(`${moreHelp}\n`);
  return usage ? 2 : 1;
}

async function serve(flags: Flags, terminal: Terminal): Promise<void> {
  const { name, logLevel, logFormat, registrationSocket, httpEndpoint } = flags;
  const endpoint = flags.endpoint ?? terminal.env['CSI_ENDPOINT'];
  checkFlags(flags, endpoint);
  const pools = parsePools(flags.pool ?? []);
  const log = createLogger({ level: logLevel, format: logFormat, now: terminal.now, write: terminal.err });
  // Here, not at the top: --help and version need neither gRPC nor SQLite.
  const [{ startDriver }, { systemClock, systemRng }, { returnMemoryWhenQuiet }] = await Promise.all([
    import('./driver.ts'),
    import('@berth/kit'),
    import('@berth/linux'),
  ]);
  await using _driver = await startDriver({
    endpoint: endpoint ?? '',
    nodeId: flags.nodeId,
    pool: pools,
    driverName: name,
    self: terminal.self,
    attach: flags.attach === true,
    maxVolumesPerNode: flags.maxVolumesPerNode ?? 0,
    ...(registrationSocket === undefined ? {} : { registrationSocket }),
    ...(httpEndpoint === undefined ? {} : { httpEndpoint }),
    clock: systemClock,
    rng: systemRng,
    log,
    logRequests: logLevel === 'debug',
  });
  using _memory = returnMemoryWhenQuiet(systemClock);
  log.info('serving', { driver: name, node: flags.nodeId, endpoint, pool: flags.pool?.join(' '), version });
  await terminal.stopped(flags.untilStdinCloses === true);
  log.info('stopping');
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('give a number from 1 to 999999.');
}

function checkFlags({ nodeId, name, httpEndpoint }: Flags, endpoint: string | undefined): void {
  if (!endpoint) throw new StartError('Usage', '--endpoint (or CSI_ENDPOINT) is required');
  if (!nodeId) throw new StartError('Usage', '--node-id is required');
  if (httpEndpoint !== undefined) httpAddress(httpEndpoint);
  // The id is also the value of the topology segment, which COs keep as a label.
  if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(nodeId)) {
    throw new StartError(
      'Usage',
      `--node-id "${nodeId}" must be 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends`,
    );
  }
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name) || name.length > 54) {
    throw new StartError(
      'Usage',
      `--name "${name}" must be a domain name of at most 54 characters, such as csi.example.com`,
    );
  }
}

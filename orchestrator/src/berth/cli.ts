import { isIP } from 'node:net';
import { addHelpCommands, createLogger, type LogLevel, logLevels, messageOf, systemClock } from '@berth/kit';
import { isErrno, linuxMounter } from '@berth/linux';
import { Command, CommanderError, Option } from 'commander';
import {
  admissionPlugins,
  isAdmissionPlugin,
  missingPlugins,
  type PluginChoice,
} from '../api-server/admission/plugin-names.ts';
import { type AccessFlags, accessOf, addAccessFlags } from './access-flags.ts';
import { addBackupCommands } from './backup-commands.ts';
import { BerthError, exitCodes } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';
import { DataDir } from './data-dir.ts';
import type { DownOutcome } from './down.ts';
import { addEtcdFlags, type EtcdFlags, etcdOf } from './etcd-flags.ts';
import { idlePollHelp, idlePollOf } from './idle-poll-flag.ts';
import { addImageCommands } from './image-commands.ts';
import { addLimitFlags, type LimitFlags, limitsOf } from './limit-flags.ts';
import { poolHelp, poolsOf } from './pool-flag.ts';
import { addServiceFlags, type ServiceFlags, servicesOf } from './service-flags.ts';
import { formatData, type OutputFormat, type Terminal } from './terminal.ts';
import { kubernetesVersion, version } from './version.ts';

const versionLine = `berth ${version} (Kubernetes API ${kubernetesVersion}, Node ${process.version})`;

export interface CliOptions {
  readonly terminal: Terminal;
  /** Aborted by SIGTERM and Ctrl-C. */
  readonly signal: AbortSignal;
  /** How this build starts the CSI driver. */
  readonly driverCommand: readonly [string, ...string[]];
}

interface ServerFlags extends AccessFlags, LimitFlags, ServiceFlags, EtcdFlags {
  readonly dataDir: string;
  readonly address: string;
  readonly port: string;
  readonly kubeconfig?: string;
  readonly enableAdmissionPlugins?: string;
  readonly disableAdmissionPlugins?: string;
  readonly admissionControlConfigFile?: string;
  readonly idlePoll?: string;
  readonly profiling: string;
  readonly readyFile?: string;
  readonly logLevel: LogLevel;
}

interface UpFlags extends ServerFlags {
  readonly nodes: string;
  readonly pool?: readonly string[];
}

/** Runs one `berth` command. @returns the exit code. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<number> {
  const program = buildProgram(options);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    return explain(error, options.terminal);
  }
}

function explain(error: unknown, { err }: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.Usage;
  err(`berth: ${messageOf(error)}\n`);
  if (isErrno(error, 'ENOSPC')) err('  the disk is full: free some room, then run it again\n');
  if (!(error instanceof BerthError)) return 1;
  if (error.hint) err(`  ${error.hint}\n`);
  return exitCodes[error.code];
}

function buildProgram(options: CliOptions): Command {
  const { terminal } = options;
  const program = new Command('berth');
  program
    .description(
      "Kubernetes' storage stack on this machine: API server, scheduler, controllers, kubelet and CSI driver in one program",
    )
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: (text) => terminal.err(text.replace(/^error: /, 'berth: ')),
    })
    .version(versionLine, '--version', 'print the version')
    .showHelpAfterError('(see berth --help)')
    .addHelpText(
      'after',
      '\nExamples:\n  berth up                     start everything, then: export KUBECONFIG=/var/lib/berth/admin.kubeconfig\n  berth up --nodes 3 --port 0  three nodes on this machine, any free port\n  berth down                   remove pods and mounts, keep the data of volumes\n',
    );
  addUp(program, options);
  addApiserver(program, options);
  addDown(program, options);
  addImageCommands(program, options);
  addBackupCommands(program, terminal);
  addVersion(program, terminal);
  addHelpCommands(program);
  for (const command of [...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
    command.exitOverride().showHelpAfterError(`(see ${pathOf(command)} --help)`);
  return program;
}

/** `berth image load` */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function addUp(program: Command, options: CliOptions): void {
  const up = program
    .command('up')
    .description('start the control plane, the nodes and their CSI drivers; stays in the foreground')
    .option('--nodes <n>', 'how many nodes to run on this machine', '1')
    .option('--pool <pool>', poolHelp, (pool: string, before: readonly string[] = []) => [...before, pool]);
  addServerFlags(up)
    .addHelpText(
      'after',
      '\nCtrl-C and SIGTERM stop the control plane only: pods and mounts stay, and the next `berth up` adopts them.\n' +
        '\nExamples:\n  berth up\n  berth up --data-dir /tmp/try --port 0 --ready-file /tmp/try.json\n' +
        '  berth up --token-auth-file users.csv --anonymous-auth=false\n' +
        '  berth up --audit-policy-file policy.yaml --audit-log-path /var/log/berth/audit.log\n',
    )
    .action(async (flags: UpFlags, command: Command) => {
      const { up } = await import('./up.ts');
      const { terminal, signal, driverCommand } = options;
      const nodes = wholeNumber('--nodes', flags.nodes, { least: 0, most: 100 });
      await up({ ...checkServer(flags, command), nodes, pools: poolsOf(flags.pool), terminal, signal, driverCommand });
    });
}

/** What kube-apiserver is alone. */
function addApiserver(program: Command, { terminal, signal }: CliOptions): void {
  const apiserver = program
    .command('apiserver')
    .description('serve the API alone, without controllers and nodes; stays in the foreground');
  addServerFlags(apiserver)
    .addHelpText(
      'after',
      '\nSeveral serve one cluster from the same etcd, once they have the same pki/ca.crt, pki/ca.key and pki/sa.key in their data directories.\n' +
        '\nExamples:\n  berth apiserver --data-dir /tmp/alone --port 0\n' +
        '  berth apiserver --data-dir /tmp/second --port 6444 --etcd-servers http://127.0.0.1:2379\n',
    )
    .action(async (flags: ServerFlags, command: Command) => {
      const { apiserver } = await import('./apiserver.ts');
      await apiserver({ ...checkServer(flags, command), terminal, signal });
    });
}

function addServerFlags(command: Command): Command {
  command
    .option('--data-dir <dir>', 'where everything is kept', '/var/lib/berth')
    .option('--address <ip>', 'address the API server listens on', '127.0.0.1')
    .option('--port <port>', 'port of the API server; 0 picks a free one', '6443')
    .option('--kubeconfig <file>', 'where to write the kubeconfig, beside DATA/admin.kubeconfig');
  addAccessFlags(command)
    .optionsGroup('What is let in, and how it is changed:')
    .option('--enable-admission-plugins <names>', 'admission plugins beside those that are on by themselves')
    .option('--disable-admission-plugins <names>', 'admission plugins that are on by themselves, and shall not be')
    .option('--admission-control-config-file <file>', 'what admission plugins are told: an AdmissionConfiguration');
  addEtcdFlags(addServiceFlags(addLimitFlags(command)));
  return command
    .optionsGroup('')
    .option('--idle-poll <duration>', idlePollHelp)
    .option('--profiling <bool>', 'serve profiles of this process, and let its log level be set, at /debug', 'true')
    .option('--ready-file <file>', 'write {"kubeconfig","server","pid","startedInMs"} there when all is ready')
    .addOption(logLevelOption('info'));
}

function checkServer(flags: ServerFlags, command: Command) {
  const { kubeconfig, address } = flags;
  const isGiven = (flag: keyof AccessFlags | keyof EtcdFlags) => command.getOptionValueSource(flag) === 'cli';
  if (isIP(address) === 0)
    throw new BerthError('Usage', `--address takes an IP address, not "${address}"`, {
      hint: '127.0.0.1 for this machine alone, 0.0.0.0 for all of its addresses; see them with: ip addr',
    });
  for (const [flag, file] of [
    ['--kubeconfig', kubeconfig],
    ['--ready-file', flags.readyFile],
  ] as const)
    if (file === '') throw new BerthError('Usage', `${flag} takes the name of a file, not ""`);
  return {
    data: new DataDir(flags.dataDir),
    address,
    port: wholeNumber('--port', flags.port, { least: 0, most: 65_535 }),
    ...accessOf(flags, isGiven),
    admissionPlugins: pluginsOf(flags),
    limits: limitsOf(flags),
    services: servicesOf(flags),
    debug: { profiling: booleanFlag('--profiling', flags.profiling), flags: givenFlags(command) },
    etcd: etcdOf(flags, isGiven),
    idlePollMs: idlePollOf(flags.idlePoll),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(flags.readyFile === undefined ? {} : { readyFile: flags.readyFile }),
    logLevel: flags.logLevel,
  };
}

/** Each flag as it is, given or not. */
function givenFlags(command: Command): Record<string, string> {
  const values: Record<string, unknown> = command.opts();
  const named = command.options.map((option) => [option.name(), String(values[option.attributeName()] ?? '')] as const);
  return Object.fromEntries(named);
}

/** Words are kube-apiserver's. */
function pluginsOf(flags: ServerFlags): PluginChoice {
  const { enableAdmissionPlugins = '', disableAdmissionPlugins = '', admissionControlConfigFile: configFile } = flags;
  const read = (flag: string, text: string) =>
    text.split(',').flatMap((name) => {
      if (name === '') return [];
      if (isAdmissionPlugin(name)) return [name];
      throw new BerthError('Usage', `${flag} plugin "${name}" is unknown`, {
        hint: `there are ${Object.keys(admissionPlugins).join(', ')}`,
      });
    });
  const enable = read('enable-admission-plugins', enableAdmissionPlugins);
  const disable = read('disable-admission-plugins', disableAdmissionPlugins);
  for (const name of enable) {
    const why = missingPlugins[name];
    if (why !== undefined)
      throw new BerthError('Usage', `enable-admission-plugins: ${name} cannot be enabled`, { hint: why });
  }
  const both = enable.find((name) => disable.includes(name));
  if (both === undefined) return { enable, disable, ...(configFile === undefined ? {} : { configFile }) };
  throw new BerthError('Usage', `${both} in enable-admission-plugins and disable-admission-plugins overlapped`);
}

function logLevelOption(value: LogLevel): Option {
  return new Option('--log-level <level>', 'least level to log').choices(logLevels).default(value);
}

function wholeNumber(flag: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new BerthError('Usage', `${flag} takes a whole number from ${least} to ${most}, not "${text}"`);
}

const downSays = {
  nothing: (dataDir: string) => `nothing to do: there is no berth in ${dataDir}`,
  kept: (dataDir: string) => `stopped; volumes are kept in ${dataDir} (delete them with --purge)`,
  removed: (dataDir: string) => `removed ${dataDir} and all that ran from it`,
} as const satisfies Record<DownOutcome, (dataDir: string) => string>;

function addDown(program: Command, { terminal }: CliOptions): void {
  program
    .command('down')
    .description('stop berth and remove all it has on this machine: processes, mounts, cgroups, networks')
    .option('--data-dir <dir>', 'the data directory of the berth to remove', '/var/lib/berth')
    .option(
      '--purge',
      'also delete the data directory: volumes, images, the API objects. Pools that are elsewhere (up --pool) stay as they are',
      false,
    )
    .addOption(logLevelOption('warn'))
    .addHelpText('after', '\nExamples:\n  berth down\n  berth down --data-dir /tmp/try --purge\n')
    .action(async ({ dataDir, purge, logLevel }: { dataDir: string; purge: boolean; logLevel: LogLevel }) => {
      if (process.getuid?.() !== 0)
        throw new BerthError('NotRoot', 'removing mounts and cgroups takes root', {
          hint: 'run it as root: sudo npm run down',
        });
      const { down } = await import('./down.ts');
      const log = createLogger({ level: logLevel, now: () => systemClock.now(), write: terminal.err });
      const outcome = await down({ data: new DataDir(dataDir), purge, mounter: linuxMounter, clock: systemClock, log });
      terminal.out(`${downSays[outcome](dataDir)}\n`);
    });
}

function addVersion(program: Command, terminal: Terminal): void {
  program
    .command('version')
    .description('versions of berth, of the Kubernetes API it serves and of Node')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table'))
    .addHelpText('after', '\nExamples:\n  berth version\n  berth version -o json\n')
    .action(async ({ output }: { output: OutputFormat }) => {
      const facts = { berth: version, kubernetes: kubernetesVersion, node: process.version };
      terminal.out(output === 'table' ? `${versionLine}\n` : await formatData(facts, output));
    });
}

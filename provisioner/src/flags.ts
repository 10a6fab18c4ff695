import { type LogLevel, logLevels } from '@berth/kit';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { csiEndpoint } from './driver/csi-endpoint.ts';
import { goDurationMs } from './go-duration.ts';
import { defaultSettings as settings } from './provisioner-settings.ts';

export interface Flags {
  readonly csiAddress: string;
  readonly kubeconfig?: string;
  readonly timeout: number;
  readonly retryIntervalStart: number;
  readonly retryIntervalMax: number;
  readonly workerThreads: number;
  readonly volumeNamePrefix: string;
  readonly volumeNameUuidLength: number;
  readonly defaultFstype: string;
  readonly strictTopology: boolean;
  readonly immediateTopology: boolean;
  readonly extraCreateMetadata: boolean;
  readonly controllerPublishReadonly: boolean;
  readonly nodeDeployment: boolean;
  readonly enableCapacity: boolean;
  readonly capacityPollInterval: number;
  readonly capacityForImmediateBinding: boolean;
  readonly capacityOwnerrefLevel: number;
  readonly attacher: boolean;
  readonly resizer: boolean;
  readonly journalDir?: string;
  readonly httpEndpoint?: string;
  readonly metricsPath: string;
  readonly leaderElection: boolean;
  readonly leaderElectionNamespace?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
}

const examples = `
Examples:
  provisioner --csi-address /run/csi/csi.sock --kubeconfig ~/.kube/config
  provisioner --csi-address unix:///run/csi.sock --kubeconfig admin.kubeconfig --attacher --resizer --http-endpoint :8080
  NODE_NAME=node-1 provisioner --csi-address /csi/csi.sock --node-deployment --journal-dir /var/lib/provisioner

Without --kubeconfig (or KUBECONFIG) the service account of the pod it runs in is used.
`;

/** The program's flags: external-provisioner's names and defaults, for what it does. */
export function defineFlags(program: Command): Command {
  const flag = (name: string, about: string) =>
    new Option(`--${name} [true|false]`, about).argParser(boolean).preset('true').default(false);
  return program
    .description(
      'Provisions, deletes and, if asked, attaches and expands volumes of a CSI driver for a Kubernetes API server.',
    )
    .option('--csi-address <socket>', "the driver's socket, a path or unix:///path", csiAddress, '/run/csi/socket')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .addOption(duration('timeout', 'time a call to the driver may take', settings.timeoutMs))
    .addOption(
      duration('retry-interval-start', 'delay after a first failure; doubles with each', settings.retryIntervalStartMs),
    )
    .addOption(duration('retry-interval-max', 'longest delay after a failure', settings.retryIntervalMaxMs))
    .addOption(
      whole('worker-threads', 'claims and volumes worked on at the same time', { least: 1, value: settings.workers }),
    )
    .option('--volume-name-prefix <prefix>', "start of volumes' names", settings.volumeNamePrefix)
    .addOption(
      whole('volume-name-uuid-length', "characters of the claim's UID in the name; -1: all, with dashes", {
        least: -1,
        value: settings.volumeNameUuidLength,
      }),
    )
    .option('--default-fstype <type>', 'filesystem where the class names none', settings.defaultFsType)
    .addOption(flag('strict-topology', "ask for the selected node's topology only"))
    .addOption(flag('immediate-topology', "offer the whole cluster's topology where no node is selected").default(true))
    .addOption(flag('extra-create-metadata', 'tell the driver the names of claim and volume'))
    .addOption(flag('controller-publish-readonly', 'mark volumes of read-only claims as read-only'))
    .addOption(flag('node-deployment', "one provisioner beside every node's driver; needs NODE_NAME"))
    .addOption(flag('enable-capacity', 'tell schedulers what room there is (CSIStorageCapacity); needs NAMESPACE'))
    .addOption(
      duration('capacity-poll-interval', 'how often the driver is asked for its room without a reason', 60_000),
    )
    .addOption(flag('capacity-for-immediate-binding', 'tell it also for classes that do not wait for a node'))
    .addOption(
      whole('capacity-ownerref-level', 'who owns those objects: -1 nobody, 0 the pod POD_NAME, 1 its controller, …', {
        least: -1,
        value: 1,
      }),
    )
    .addOption(flag('attacher', 'also attach and detach, as external-attacher does'))
    .addOption(flag('resizer', 'also expand volumes, as external-resizer does'))
    .option('--journal-dir <dir>', 'records of calls under way, so that no crash leaves a volume behind')
    .option('--http-endpoint <address>', 'host:port or :port to serve metrics and /healthz at')
    .option('--metrics-path <path>', 'path of the metrics', '/metrics')
    .addOption(flag('leader-election', 'run only while holding the lease'))
    .option('--leader-election-namespace <namespace>', "the lease's namespace; by default the one worked in")
    .addOption(new Option('--log-level <level>', 'least level to log').choices(logLevels).default('info'))
    .addOption(new Option('--log-format <format>', 'form of log lines').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples);
}

function csiAddress(text: string): string {
  asArgument(csiEndpoint, text);
  return text;
}

/** @throws InvalidArgumentError – where `parse` throws, with its words. */
function asArgument<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function duration(name: string, about: string, valueMs: number): Option {
  const parse = (text: string) => asArgument(goDurationMs, text);
  return new Option(`--${name} <duration>`, about).argParser(parse).default(valueMs, `${valueMs / 1000}s`);
}

function whole(name: string, about: string, { least, value }: { least: number; value: number }): Option {
  const parse = (text: string) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && text.trim() !== '') return number;
    throw new InvalidArgumentError(`"${text}" is not a whole number of at least ${least}`);
  };
  return new Option(`--${name} <n>`, about).argParser(parse).default(value);
}

function boolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError(`"${text}" is neither true nor false`);
}

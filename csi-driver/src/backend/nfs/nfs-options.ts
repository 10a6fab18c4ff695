import { grpcError } from '@berth/protos';
import { unsupportedFlag } from '../../rules/mount-flags.ts';

/** How a share is spoken to, by whoever mounts it. */
export interface NfsOptions {
  /** The newest that both sides speak where absent. */
  readonly version?: 3 | 4 | 4.1 | 4.2;
  readonly port?: number;
  /** False: calls may come from any port of this node, which `secure` exports refuse. */
  readonly privilegedPort?: boolean;
  /** nfs(5) options for a kernel that mounts, checked: `hard`, `timeo=600`. Others may ignore them. */
  readonly tuning: readonly string[];
}

const versions: ReadonlyMap<string | undefined, NonNullable<NfsOptions['version']>> = new Map([
  ['3', 3],
  ['4', 4],
  ['4.0', 4],
  ['4.1', 4.1],
  ['4.2', 4.2],
]);

/** Options of nfs(5) without a value that change how, not what, is mounted. */
const words = new Set([
  'hard',
  'soft',
  'softerr',
  'softreval',
  'nosoftreval',
  'ac',
  'noac',
  'cto',
  'nocto',
  'lock',
  'nolock',
  'acl',
  'noacl',
  'rdirplus',
  'nordirplus',
  'sharecache',
  'nosharecache',
  'intr',
  'nointr',
]);

/** Options of nfs(5) whose value is a number. */
const numbers = new Set([
  'timeo',
  'retrans',
  'rsize',
  'wsize',
  'acregmin',
  'acregmax',
  'acdirmin',
  'acdirmax',
  'actimeo',
  'nconnect',
]);

const choices: ReadonlyMap<string, readonly string[]> = new Map([
  ['proto', ['tcp', 'tcp6']],
  ['sec', ['sys']],
  ['lookupcache', ['all', 'none', 'pos', 'positive']],
  ['local_lock', ['all', 'flock', 'posix', 'none']],
]);

/** What the mount flags of a volume ask of NFS; those of every mount (`ro`, `noatime`) are left out. @throws GrpcError INVALID_ARGUMENT. */
export function parseNfsOptions(mountFlags: readonly string[]): NfsOptions {
  const result: { version?: NfsOptions['version']; port?: number; privilegedPort?: boolean; tuning: string[] } = {
    tuning: [],
  };
  for (const option of nfsOnly(mountFlags)) {
    const [key = '', value] = splitOption(option);
    const version = /^(nfs)?vers$/.test(key) ? versions.get(value) : undefined;
    if (version !== undefined) result.version = version;
    else if (key === 'port' && isPort(value)) result.port = Number(value);
    else if (option === 'resvport' || option === 'noresvport') result.privilegedPort = option === 'resvport';
    else if (isTuning(key, value)) result.tuning.push(option);
    // The option is not repeated: messages are logged, and flags may hold what is secret.
    else throw grpcError('INVALID_ARGUMENT', `one of mount_flags is not supported by the nfs backend; ${supported}`);
  }
  return result as NfsOptions;
}

const supported = `supported are ro, nosuid, nodev, noexec, noatime, nodiratime, relatime, nosymfollow, nfsvers=3|4|4.1|4.2, port, resvport, ${[
  ...words,
  ...numbers,
  ...choices.keys(),
].join(', ')}`;

/** Why these mount flags cannot be had. */
export function objectionToNfsFlags(mountFlags: readonly string[]): string | undefined {
  try {
    parseNfsOptions(mountFlags);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function nfsOnly(mountFlags: readonly string[]): string[] {
  const all = mountFlags.flatMap((flag) => flag.split(',')).filter((flag) => flag !== '');
  return all.filter((flag) => unsupportedFlag([flag]) !== undefined);
}

function splitOption(option: string): [key: string, value?: string] {
  const at = option.indexOf('=');
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}

function isTuning(key: string, value: string | undefined): boolean {
  if (value === undefined) return words.has(key);
  if (numbers.has(key)) return /^\d{1,9}$/.test(value);
  return choices.get(key)?.includes(value) ?? false;
}

export function isPort(value: string | undefined): boolean {
  return value !== undefined && /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65535;
}

import type { Command } from 'commander';
import { defaultStoreCheckMs, type StoreCheckTimes } from '../api-server/own-health-checks.ts';
import { type EtcdEndpoint, etcdEndpointsOf } from '../store/etcd/etcd-endpoint.ts';
import { BerthError } from './berth-error.ts';
import { durationFlag } from './number-flags.ts';

export interface EtcdFlags {
  readonly etcdServers?: string;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdPrefix: string;
  readonly etcdCompactionInterval: string;
  readonly etcdHealthcheckTimeout: string;
  readonly etcdReadycheckTimeout: string;
}

/** Which etcd is the store, and how it is reached. */
export interface EtcdChoice {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly prefix: string;
  readonly compactionMs: number;
  readonly checks?: StoreCheckTimes;
}

/** kube-apiserver's flags about its store. */
export function addEtcdFlags(command: Command): Command {
  return command
    .optionsGroup('Where the objects are kept:')
    .option('--etcd-servers <urls>', 'etcd to keep the API objects in, instead of a file: URLs with commas between')
    .option('--etcd-cafile <file>', "authority that etcd's certificates are of")
    .option('--etcd-certfile <file>', 'certificate to show to etcd')
    .option('--etcd-keyfile <file>', 'key of that certificate')
    .option('--etcd-prefix <prefix>', 'what all keys in etcd begin with', '/registry')
    .option('--etcd-compaction-interval <duration>', 'how long history stays; 0: all, until others compact', '5m0s')
    .option('--etcd-healthcheck-timeout <duration>', 'how long the health check "etcd" waits', '2s')
    .option('--etcd-readycheck-timeout <duration>', 'how long "etcd-readiness" of /readyz waits', '2s');
}

/** What says nothing where the store is a file: a flag that is not heard would be taken for one that is. */
const aboutEtcd: readonly (readonly [keyof EtcdFlags, flag: string])[] = [
  ['etcdCafile', '--etcd-cafile'],
  ['etcdCertfile', '--etcd-certfile'],
  ['etcdKeyfile', '--etcd-keyfile'],
  ['etcdPrefix', '--etcd-prefix'],
  ['etcdCompactionInterval', '--etcd-compaction-interval'],
  ['etcdHealthcheckTimeout', '--etcd-healthcheck-timeout'],
  ['etcdReadycheckTimeout', '--etcd-readycheck-timeout'],
];

/**
 * `isGiven` tells flags from their defaults.
 * @returns undefined where the store is a file. @throws BerthError Usage
 */
export function etcdOf(flags: EtcdFlags, isGiven: (flag: keyof EtcdFlags) => boolean): EtcdChoice | undefined {
  const { etcdServers, etcdCafile, etcdCertfile, etcdKeyfile, etcdPrefix } = flags;
  if (etcdServers === undefined) {
    const useless = aboutEtcd.flatMap(([name, flag]) => (isGiven(name) ? [flag] : []));
    if (useless.length === 0) return undefined;
    throw new BerthError('Usage', `${useless.join(' and ')}: only of use with --etcd-servers`, {
      hint: 'give --etcd-servers too, or leave out what is about etcd: without it, objects are kept in a file',
    });
  }
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw new BerthError('Usage', '--etcd-certfile and --etcd-keyfile belong together: give both');
  const compactionMs = durationFlag('--etcd-compaction-interval', flags.etcdCompactionInterval, { example: '5m0s' });
  if (!/^\/?[^/\0]+(\/[^/\0]+)*\/?$/.test(etcdPrefix))
    throw new BerthError('Usage', `--etcd-prefix takes a path such as /registry, not ${JSON.stringify(etcdPrefix)}`);
  return {
    endpoints: endpointsOf(etcdServers),
    ...(etcdCafile === undefined ? {} : { caFile: etcdCafile }),
    ...(etcdCertfile === undefined ? {} : { certFile: etcdCertfile }),
    ...(etcdKeyfile === undefined ? {} : { keyFile: etcdKeyfile }),
    prefix: etcdPrefix,
    compactionMs,
    checks: {
      healthMs: checkTimeOf('--etcd-healthcheck-timeout', flags.etcdHealthcheckTimeout),
      readyMs: checkTimeOf('--etcd-readycheck-timeout', flags.etcdReadycheckTimeout),
    },
  };
}

/** None is upstream's usual one. */
function checkTimeOf(flag: string, text: string): number {
  return durationFlag(flag, text, { example: '2s' }) || defaultStoreCheckMs;
}

function endpointsOf(list: string): readonly EtcdEndpoint[] {
  try {
    return etcdEndpointsOf(list);
  } catch (error) {
    throw new BerthError('Usage', (error as Error).message, { cause: error });
  }
}

import { isAbsolute, join } from 'node:path';
import { BerthError } from './berth-error.ts';
import { ownPool } from './csi-driver-process.ts';

/** A pool of volumes beside the one in the data directory. */
export interface ExtraPool {
  readonly name: string;
  readonly path: string;
  /** As the CSI driver reads them: `,limit=10Gi` and the like. */
  readonly settings: string;
}

export const poolHelp =
  'a further pool of volumes, for parameters.pool of a class: NAME=DIR[,backend=A|B][,limit=SIZE][,overcommit=RATIO]' +
  '[,mount=required|MOUNTPOINT]; repeatable. With several nodes each has a directory of its own in DIR';

/** @throws BerthError Usage – not a name and an absolute directory, or one name twice. What the settings mean the driver says. */
export function poolsOf(texts: readonly string[] = []): readonly ExtraPool[] {
  const pools = texts.map((text) => {
    const [, name = '', path = '', settings = ''] = /^([^/=,]*)=([^,]*)(,.*)?$/s.exec(text) ?? [];
    if (!/^[a-z0-9]([-a-z0-9]{0,56}[a-z0-9])?$/.test(name) || !isAbsolute(path))
      throw new BerthError('Usage', `--pool takes NAME=DIR with an absolute directory, not "${text}"`, {
        hint: 'for example --pool fast=/mnt/nvme,limit=200Gi; a name is small letters, digits and "-"',
      });
    if (name === ownPool)
      throw new BerthError('Usage', `--pool "${text}": the pool in the data directory has the name "${ownPool}"`);
    return { name, path, settings };
  });
  const twice = pools.find(({ name }, index) => pools.findIndex((other) => other.name === name) !== index);
  if (twice) throw new BerthError('Usage', `--pool: two pools have the name "${twice.name}"`);
  return pools;
}

/** What the driver of a node is told: pools have one driver each. */
export function poolsOfNode(pools: readonly ExtraPool[], node: string, nodes: number): readonly string[] {
  return pools.map(({ name, path, settings }) => `${name}=${nodes === 1 ? path : join(path, node)}${settings}`);
}

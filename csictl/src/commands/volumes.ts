import { linuxMounter } from '@berth/linux';
import { type ClusterView, claimOf } from '../cluster/cluster-view.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { askEach } from '../connect/ask-each.ts';
import { type OpenDriver, openDrivers } from '../connect/open-drivers.ts';
import { CsictlError } from '../csictl-error.ts';
import { kubeletRoots } from '../mounts/kubelet-roots.ts';
import { type MountRow, mountRows } from '../mounts/mount-rows.ts';
import { mountedPath } from '../mounts/mounted-paths.ts';
import { recordedPlaces } from '../mounts/recorded-places.ts';
import { formatBytes } from '../output/format-bytes.ts';
import { type Column, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';

interface VolumeRow {
  readonly volume: string;
  readonly driver: string;
  readonly node: string;
  readonly sizeBytes: number;
  /** Absent where the volume is not mounted on this machine, or the driver cannot tell. */
  readonly usedBytes?: number;
  readonly claim: string;
  readonly pv: string;
  readonly topology: readonly Readonly<Record<string, string>>[];
  readonly context: Readonly<Record<string, string>>;
  readonly path?: string;
}

const words: Readonly<Record<string, string>> = { true: 'yes', false: 'no' };

const columns: readonly Column<VolumeRow>[] = [
  { name: 'VOLUME', value: (row) => row.volume },
  { name: 'SIZE', value: (row) => (row.sizeBytes > 0 ? formatBytes(row.sizeBytes) : '') },
  // Empty where the driver says nothing of it.
  { name: 'ENFORCED', value: ({ driver, context }) => words[context[`${driver}/size-enforced`] ?? ''] ?? '' },
  { name: 'USED', value: (row) => (row.usedBytes === undefined ? '' : formatBytes(row.usedBytes)) },
  { name: 'CLAIM', value: (row) => row.claim },
  { name: 'PV', value: (row) => row.pv },
  { name: 'NODE', value: (row) => row.node, wide: true },
  { name: 'DRIVER', value: (row) => row.driver, wide: true },
  {
    name: 'CONTEXT',
    value: (row) =>
      Object.entries(row.context)
        .map((entry) => entry.join('='))
        .join(','),
    wide: true,
  },
  { name: 'PATH', value: (row) => row.path ?? '', wide: true },
];

/** `csictl volumes [NAME]`: what the driver has, how full it is and whose it is. NAME is a volume id, PV or claim. */
export async function listVolumes(session: Session, name: string | undefined): Promise<void> {
  using open = openDrivers(session);
  const cluster = await openCluster(session);
  const mounts = knownMounts(session, cluster);
  const { rows, finish } = await askEach(open.drivers, (driver) => volumesOf(driver, { cluster, mounts }));
  const { namespace } = session.options;
  const shown = rows.filter((row) => matches(row, name, namespace));
  if (name !== undefined && shown.length === 0) {
    throw new CsictlError('NOT_FOUND', `volume "${name}": not found`, {
      hint: 'csictl volumes lists all; a claim is named as namespace/name',
    });
  }
  await printRows(session.printer, shown, columns);
  finish();
}

function matches({ volume, pv, claim }: VolumeRow, name: string | undefined, namespace: string | undefined): boolean {
  if (namespace !== undefined && !claim.startsWith(`${namespace}/`)) return false;
  return (
    name === undefined ||
    [volume, pv, claim].includes(name) ||
    (namespace !== undefined && claim === `${namespace}/${name}`)
  );
}

/** Mounts are asked for usage only: where they cannot be read, usage stays empty. */
function knownMounts({ options }: Session, cluster: ClusterView | undefined): MountRow[] {
  const roots = kubeletRoots(options.dataDir, options.kubeletDir);
  return mountRows({ roots, cluster, table: linuxMounter.mounts(), recorded: recordedPlaces(roots) });
}

interface Knowledge {
  readonly cluster: ClusterView | undefined;
  readonly mounts: readonly MountRow[];
}

async function volumesOf({ node, driver }: OpenDriver, { cluster, mounts }: Knowledge): Promise<VolumeRow[]> {
  const [{ name }, capabilities, entries] = await Promise.all([
    driver.info(),
    driver.capabilities(),
    driver.listVolumes(),
  ]);
  const hasStats = capabilities.node.includes('GET_VOLUME_STATS');
  const here = node === '' ? mounts : mounts.filter((mount) => mount.node === node);
  return Promise.all(
    entries.map(async ({ volume }) => {
      const id = volume?.volumeId ?? '';
      const pv = cluster?.volumeOf(name, id);
      const path = mountedPath(here, name, id);
      const usedBytes = hasStats && path !== undefined ? await usedOf(driver, id, path) : undefined;
      return {
        volume: id,
        driver: name,
        node,
        sizeBytes: Number(volume?.capacityBytes ?? 0),
        ...(usedBytes === undefined ? {} : { usedBytes }),
        claim: claimOf(pv),
        pv: pv?.metadata.name ?? '',
        topology: (volume?.accessibleTopology ?? []).map(({ segments }) => segments),
        context: volume?.volumeContext ?? {},
        ...(path === undefined ? {} : { path }),
      };
    }),
  );
}

/** One volume whose usage cannot be told does not hide the others. */
async function usedOf(driver: OpenDriver['driver'], id: string, path: string): Promise<number | undefined> {
  try {
    const { usage } = await driver.stats(id, path);
    const bytes = usage.find(({ unit }) => unit === 'BYTES');
    return bytes && Number(bytes.used);
  } catch {
    return undefined;
  }
}

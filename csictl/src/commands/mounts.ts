import { existsSync } from 'node:fs';
import { linuxMounter } from '@berth/linux';
import { openCluster } from '../cluster/open-cluster.ts';
import { CsictlError } from '../csictl-error.ts';
import { askMounts } from '../mounts/ask-mounts.ts';
import { kubeletRoots } from '../mounts/kubelet-roots.ts';
import { type MountRow, mountRows } from '../mounts/mount-rows.ts';
import { recordedPlaces } from '../mounts/recorded-places.ts';
import { type Column, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';

const columns: readonly Column<MountRow>[] = [
  { name: 'NODE', value: (row) => row.node, wide: true },
  { name: 'KIND', value: (row) => row.kind },
  { name: 'VOLUME', value: (row) => row.volume },
  { name: 'POD', value: (row) => row.pod },
  { name: 'CLAIM', value: (row) => row.claim },
  { name: 'PV', value: (row) => row.pv },
  { name: 'MODE', value: (row) => row.mode },
  { name: 'STATE', value: (row) => row.state, good: (row) => row.state === 'ok' },
  { name: 'DRIVER', value: (row) => row.driver, wide: true },
  { name: 'PATH', value: (row) => row.path, wide: true },
  { name: 'NOTE', value: (row) => row.note, wide: true },
];

/** `csictl mounts`: the mount table, kubelet's records and the API server side by side; `all` with the runtime's own mounts. */
export async function listMounts(session: Session, all: boolean): Promise<void> {
  const { dataDir, kubeletDir, namespace } = session.options;
  const roots = kubeletRoots(dataDir, kubeletDir);
  const cluster = await openCluster(session);
  if (kubeletDir === undefined && !existsSync(dataDir))
    throw new CsictlError('NOT_FOUND', `data directory ${dataDir}: not found`, {
      hint: 'name the one of "berth up" with --data-dir DIR, or another kubelet with --kubelet-dir DIR',
    });
  const table = linuxMounter.mounts();
  const rows = mountRows({ roots, cluster, table, recorded: recordedPlaces(roots) });
  const wanted = rows.filter(({ kind }) => all || kind !== 'runtime');
  const shown = wanted.filter(({ pod, claim }) => inNamespace(namespace, pod) || inNamespace(namespace, claim));
  await printRows(session.printer, await askMounts(shown, table), columns);
}

function inNamespace(namespace: string | undefined, name: string): boolean {
  return namespace === undefined || name.startsWith(`${namespace}/`);
}

import { asGrpcError, type berth, type Timestamp } from '@berth/protos';
import { askEach } from '../connect/ask-each.ts';
import type { Driver } from '../connect/driver.ts';
import { type OpenDriver, openDrivers } from '../connect/open-drivers.ts';
import { CsictlError, RpcError } from '../csictl-error.ts';
import { formatBytes } from '../output/format-bytes.ts';
import { type Column, printData, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';
import { staticVolume } from './static-volume.ts';

interface TrashRow {
  readonly volume: string;
  readonly name: string;
  readonly driver: string;
  readonly node: string;
  readonly sizeBytes: number;
  readonly backend: string;
  readonly pool: string;
  readonly deletedAt: string;
  readonly expiresAt: string;
  readonly context: Readonly<Record<string, string>>;
}

const columns: readonly Column<TrashRow>[] = [
  { name: 'VOLUME', value: (row) => row.volume },
  { name: 'NAME', value: (row) => row.name },
  { name: 'SIZE', value: (row) => formatBytes(row.sizeBytes) },
  { name: 'DELETED', value: (row) => row.deletedAt },
  { name: 'REMOVED FOR GOOD', value: (row) => row.expiresAt },
  { name: 'NODE', value: (row) => row.node, wide: true },
  { name: 'DRIVER', value: (row) => row.driver, wide: true },
  { name: 'BACKEND', value: (row) => row.backend, wide: true },
  { name: 'POOL', value: (row) => row.pool, wide: true },
];

/** `csictl undelete`: what is in the trash of the drivers. */
export async function listTrash(session: Session): Promise<void> {
  using open = openDrivers(session);
  const { rows, finish } = await askEach(open.drivers, trashOf);
  await printRows(session.printer, rows, columns);
  finish();
}

async function trashOf({ node, driver }: OpenDriver): Promise<TrashRow[]> {
  const [{ name }, trashed] = await Promise.all([driver.info(), driver.listTrash()]);
  return trashed.flatMap(({ volume, deletedAt, expiresAt }) =>
    volume
      ? [{ ...rowOf(volume), driver: name, node, deletedAt: timeOf(deletedAt), expiresAt: timeOf(expiresAt) }]
      : [],
  );
}

function rowOf(volume: berth.Volume) {
  const { volumeId, name, capacityBytes, backend, pool, volumeContext: context } = volume;
  return { volume: volumeId, name, sizeBytes: Number(capacityBytes), backend, pool, context };
}

function timeOf(time: Timestamp | null): string {
  return time ? new Date(Number(time.seconds) * 1000).toISOString().replace('.000Z', 'Z') : '';
}

const listHint = 'csictl undelete lists what can be restored';

/** `csictl undelete VOLUME`: makes it a volume again, and says how a cluster gets it back. */
export async function undelete(session: Session, volumeId: string): Promise<void> {
  using open = openDrivers(session);
  const owner = await ownerOf(open.drivers, volumeId);
  const { volume } = await owner.undelete(volumeId).catch((error: unknown) => {
    const { code, message } = asGrpcError(error);
    throw new RpcError(code, message, { ...(code === 'NOT_FOUND' ? { hint: listHint } : {}), cause: error });
  });
  if (!volume) throw new CsictlError('FAILED', `driver at ${owner.endpoint} answered without the volume`);
  const persistentVolume = staticVolume((await owner.info()).name, volume);
  const { printer, terminal } = session;
  if (printer.format === 'json' || printer.format === 'yaml') {
    return await printData(printer, { volume, persistentVolume });
  }
  terminal.err(
    `volume ${volumeId} is restored, with its content. Where its PersistentVolume is gone, make it anew:\n` +
      `  csictl undelete ${volumeId} | kubectl apply -f -\n` +
      'then name it in a claim: volumeName. Set storageClassName and claimRef as you need them, and volumeMode: Block\n' +
      'where it was a block volume.\n',
  );
  await printData({ terminal, format: 'yaml' }, persistentVolume);
}

/** The driver that has it in its trash; one alone is asked at once: it may have restored it already. */
async function ownerOf(drivers: readonly OpenDriver[], volumeId: string): Promise<Driver> {
  const [only, ...others] = drivers;
  if (only && others.length === 0) return only.driver;
  for (const { driver } of drivers) {
    if ((await driver.listTrash()).some(({ volume }) => volume?.volumeId === volumeId)) return driver;
  }
  throw new CsictlError('NOT_FOUND', `volume "${volumeId}" is in no driver's trash`, {
    hint: listHint,
  });
}

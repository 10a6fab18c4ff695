import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeHalfWritten, writeFileDurably } from '@berth/kit';

const volDataFile = 'vol_data.json';

/** What a published volume's `vol_data.json` holds, in upstream's names (pkg/volume/csi/csi_plugin.go volDataKey). */
export interface PublishedVolData {
  readonly specVolID: string;
  readonly volumeHandle: string;
  readonly driverName: string;
  readonly nodeName: string;
  readonly attachmentID: string;
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral';
}

/** What a staged volume's `vol_data.json` holds. */
export interface StagedVolData {
  readonly driverName: string;
  readonly volumeHandle: string;
  /** Ours: the PV a later event is about. Upstream ignores keys it does not know. */
  readonly specVolID?: string;
}

/** Writes `vol_data.json` so that it is on disk before the side effect it records (mode 0600, as upstream). */
export async function writeVolData(directory: string, data: PublishedVolData | StagedVolData): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const text = `${JSON.stringify(data)}\n`;
  const known = await readFile(join(directory, volDataFile), 'utf8').catch(() => undefined);
  if (known !== text) await writeFileDurably(join(directory, volDataFile), text);
}

/** The record of a volume directory; undefined where none is readable (never written, or damaged). */
export async function readVolData(
  directory: string,
): Promise<(Partial<PublishedVolData> & Partial<StagedVolData>) | undefined> {
  try {
    const data: unknown = JSON.parse(await readFile(join(directory, volDataFile), 'utf8'));
    if (typeof data !== 'object' || data === null) return undefined;
    const strings = Object.entries(data).filter(([, value]) => typeof value === 'string');
    return Object.fromEntries(strings) as Partial<PublishedVolData>;
  } catch {
    return undefined;
  }
}

/** Also what a crash left of a record half written, so that nothing keeps the directory from being removed. */
export async function removeVolData(directory: string): Promise<void> {
  await removeHalfWritten(join(directory, volDataFile));
  await rm(join(directory, volDataFile), { force: true });
}

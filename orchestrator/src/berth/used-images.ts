import { readdir } from 'node:fs/promises';
import { isErrno } from '@berth/linux';
import { readContainers } from '../runtime/records.ts';
import { StateLayout } from '../runtime/state-layout.ts';
import type { DataDir } from './data-dir.ts';

/** Ids of the images that containers of this data directory were made from: by the runtimes' records, so also while nothing runs. */
export async function usedImageIds(data: DataDir): Promise<ReadonlySet<string>> {
  const nodes = await present(readdir(data.nodes), []);
  const records = await Promise.all(
    nodes.map((node) => present(readContainers(new StateLayout(data.node(node).runtime).containers), new Map())),
  );
  return new Set(records.flatMap((containers) => [...containers.values()].flatMap((record) => record?.imageId ?? [])));
}

async function present<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return otherwise;
    throw error;
  }
}

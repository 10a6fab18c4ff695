import type { KeySpace } from './key-space.ts';
import type { LogRow, PastKeys, ReadStep } from './sqlite-protocol.ts';
import type { SqliteThread } from './sqlite-thread.ts';
import type { KeyValue, RangeRequest, RangeResult } from './store.ts';

/** What is read of the file at a time while others wait: a row may have megabytes. */
export const readStep: ReadStep = { limit: 200, bytes: 2 ** 18 };
/** Keys that are counted at a time: as long as a step of reading takes. */
const countStep = 2_000;

interface Disk {
  readonly thread: SqliteThread;
  readonly space: KeySpace;
}

/**
 * The state at a revision that is no longer in memory, read a step at a time: writes are committed between them.
 * @throws StoreError Compacted – it was compacted meanwhile.
 */
export async function rangeFromDisk(
  { thread, space }: Disk,
  request: RangeRequest & { readonly revision: number },
): Promise<RangeResult> {
  const { prefix, after, limit = Number.POSITIVE_INFINITY, revision } = request;
  const start = after === undefined || after < prefix ? prefix : behind(after);
  let keys: PastKeys = { prefix, start, revision };
  const items: KeyValue[] = [];
  while (items.length < limit) {
    const step = { ...readStep, limit: Math.min(readStep.limit, limit - items.length) };
    const rows = await thread.ask({ op: 'range', keys, step });
    space.checkReadable(revision);
    const last = rows.at(-1);
    if (!last) return { revision, items, remaining: 0 };
    items.push(...rows.map(keyValueOf));
    keys = { ...keys, start: behind(last.key) };
  }
  return { revision, items, remaining: await countOnDisk({ thread, space }, keys) };
}

async function countOnDisk({ thread, space }: Disk, all: PastKeys): Promise<number> {
  let sum = 0;
  for (let keys = all; ; ) {
    const { count, last } = await thread.ask({ op: 'count', keys, limit: countStep });
    space.checkReadable(keys.revision);
    if (last === null) return sum;
    sum += count;
    keys = { ...keys, start: behind(last) };
  }
}

/** The first key that may come next. */
function behind(key: string): string {
  return `${key}\0`;
}

function keyValueOf(row: LogRow): KeyValue {
  return { key: row.key, value: row.value as Uint8Array, createRevision: row.created, modRevision: row.revision };
}

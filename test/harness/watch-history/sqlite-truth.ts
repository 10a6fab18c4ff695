import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@berth/kube';
import { SqliteLog } from '../../../orchestrator/src/store/sqlite-log.ts';
import type { TrueChange } from './true-history.ts';

const root = '/registry/';
const page = 1000;

/** What the file of a store holds that nobody writes to at the moment: rows after a revision, as they are on the disk. */
export function changesInFile(file: string, after: number, kinds: readonly string[]): TrueChange[] {
  const folder = mkdtempSync(join(tmpdir(), 'berth-truth-'));
  try {
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
    const log = SqliteLog.open(copy);
    const changes: TrueChange[] = [];
    for (let from = after; ; ) {
      const rows = log.load(from, { limit: page, bytes: Number.POSITIVE_INFINITY });
      for (const { revision, key, value } of rows) {
        if (!kinds.includes(key.slice(root.length).split('/', 1)[0] ?? '')) continue;
        changes.push({ revision, key: key.slice(root.length), object: value ? objectOf(value) : undefined });
      }
      const last = rows.at(-1);
      if (!last || rows.length < page) break;
      from = last.revision;
    }
    log.close();
    return changes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The newest revision that a store came to which does not run. */
export function revisionOfFile(file: string): number {
  const log = SqliteLog.open(file);
  try {
    return log.state().revision;
  } finally {
    log.close();
  }
}

/** As the store compacts itself, while it does not run. @returns the revision it forgot all before. */
export function compactFile(file: string, keep: number): number {
  const log = SqliteLog.open(file);
  try {
    const { revision, compacted } = log.state();
    const target = Math.max(compacted, revision - keep);
    while (log.compact(target, { limit: 100, bytes: Number.POSITIVE_INFINITY }) < target);
    return target;
  } finally {
    log.close();
  }
}

export function objectOf(value: Uint8Array): KubeObject {
  return JSON.parse(Buffer.from(value).toString('utf8')) as KubeObject;
}

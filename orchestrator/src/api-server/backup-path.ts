import { createReadStream } from 'node:fs';
import { apiError } from '@berth/kube';
import type { Store, StoreBackup } from '../store/store.ts';
import type { PathHandler } from './request-pipeline.ts';

/**
 * `GET /berth/v1/backup`: the store as a file, of one moment, while the server goes on. Every secret is in it: a role has
 * to name the path, and none of upstream's does but cluster-admin.
 */
export function backupPath(store: Store): PathHandler {
  return async ([root, version, what, ...rest], { method }) => {
    if (root !== 'berth' || version !== 'v1' || what !== 'backup' || rest.length > 0) return undefined;
    if (method !== 'GET') throw apiError('MethodNotAllowed', 'a backup is fetched with GET');
    if (!store.backup)
      throw apiError('NotFound', 'this server keeps its objects where it cannot make a backup of them');
    const backup = await store.backup();
    return { type: 'stream', contentType: 'application/vnd.sqlite3', chunks: contentOf(backup) };
  };
}

/** The copy goes when it was read, and when its reader went. */
async function* contentOf(backup: StoreBackup): AsyncGenerator<Uint8Array> {
  await using _copy = backup;
  for await (const chunk of createReadStream(backup.file)) yield chunk as Uint8Array;
}

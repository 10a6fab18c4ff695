import { apiError } from '@berth/kube';
import { backupContentType } from '../store/backup-stream.ts';
import type { Store } from '../store/store.ts';
import type { PathHandler } from './request-pipeline.ts';

/**
 * `GET /berth/v1/backup`: all that is in the store, of one moment, while the server goes on. Every secret is in it: a role has
 * to name the path, and none of upstream's does but cluster-admin.
 */
export function backupPath(store: Store): PathHandler {
  return async ([root, version, what, ...rest], { method }) => {
    if (root !== 'berth' || version !== 'v1' || what !== 'backup' || rest.length > 0) return undefined;
    if (method !== 'GET') throw apiError('MethodNotAllowed', 'a backup is fetched with GET');
    if (!store.backup)
      throw apiError('NotFound', 'this server keeps its objects where it cannot make a backup of them');
    return { type: 'stream', contentType: backupContentType, chunks: store.backup() };
  };
}

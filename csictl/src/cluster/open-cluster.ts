import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@berth/kit';
import { httpTransport, loadKubeconfig } from '@berth/kube';
import type { Session } from '../session.ts';
import { type ClusterView, loadClusterView } from './cluster-view.ts';

/**
 * Asks the API server that --kubeconfig or KUBECONFIG names, else that of the data directory.
 * @returns undefined where none is named, or where the data directory's does not answer: mounts are there without it.
 * @throws KubeconfigError, ApiError – the named one cannot be used.
 */
export async function openCluster(session: Session): Promise<ClusterView | undefined> {
  const { options, terminal } = session;
  const named = options.kubeconfig ?? (terminal.env['KUBECONFIG']?.split(':')[0] || undefined);
  const fallback = join(options.dataDir, 'admin.kubeconfig');
  if (named === undefined && !existsSync(fallback)) return undefined;
  try {
    const access = await loadKubeconfig(named ?? fallback);
    using transport = httpTransport(access.transport);
    return await loadClusterView(transport, session.signal);
  } catch (error) {
    if (named !== undefined || session.signal.aborted) throw error;
    terminal.err(
      `csictl: the API server of ${options.dataDir} does not answer (${messageOf(error)}); claims and pods are not shown\n`,
    );
    return undefined;
  }
}

import { messageOf } from '@berth/kit';
import { httpTransport, loadKubeconfig } from '@berth/kube';
import type { Session } from '../session.ts';
import { chooseKubeconfig } from './choose-kubeconfig.ts';
import { type ClusterView, loadClusterView } from './cluster-view.ts';

/**
 * Asks the API server that {@link chooseKubeconfig} tells.
 * @returns undefined where none is named, or where the data directory's does not answer: mounts are there without it.
 * @throws KubeconfigError, ApiError – the named one cannot be used.
 */
export async function openCluster(session: Session): Promise<ClusterView | undefined> {
  const { options, terminal } = session;
  const chosen = chooseKubeconfig(session);
  if (!chosen) return undefined;
  try {
    const access = await loadKubeconfig(chosen.file);
    using transport = httpTransport(access.transport);
    return await loadClusterView(transport, session.signal);
  } catch (error) {
    if (chosen.isNamed || session.signal.aborted) throw error;
    terminal.err(
      `csictl: the API server of ${options.dataDir} does not answer (${messageOf(error)}); claims and pods are not shown\n`,
    );
    return undefined;
  }
}

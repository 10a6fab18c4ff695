import { dirname } from 'node:path';
import { resolveLinks } from '@berth/linux';
import { prepareReadyFile, withdrawReadyFile } from './announce.ts';
import type { DataDir } from './data-dir.ts';
import { prepareKubeconfig } from './kubeconfig.ts';

interface Outputs {
  readonly data: DataDir;
  readonly kubeconfig?: string;
  readonly readyFile?: string;
}

/**
 * Sees to it that what a server writes for others can be written. Files elsewhere are looked at `before` the data directory is
 * taken, as what is refused leaves none behind; those in it `after`: it is made with a mode of its own, and not if something is there.
 * @throws BerthError Usage – one cannot be written.
 */
export async function prepareOutputs(
  { data, kubeconfig, readyFile }: Outputs,
  when: 'before' | 'after',
): Promise<void> {
  const isNow = (file: string) => `${dirname(resolveLinks(file))}/`.startsWith(`${data.path}/`) === (when === 'after');
  if (kubeconfig !== undefined && isNow(kubeconfig)) await prepareKubeconfig(kubeconfig);
  if (readyFile !== undefined && isNow(readyFile)) await prepareReadyFile(readyFile);
  if (readyFile !== undefined && when === 'after') await withdrawReadyFile(readyFile);
}

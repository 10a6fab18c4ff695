import { systemClock, systemRng } from '@berth/kit';
import { KubeClient } from '@berth/kube';
import { returnMemoryWhenQuiet } from '@berth/linux';
import { announce } from './announce.ts';
import { checkPort } from './check-port.ts';
import { electedComponents } from './control-plane-components.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { ensurePki } from './pki.ts';
import { prepareOutputs } from './prepare-outputs.ts';
import { remoteNodes } from './remote-nodes.ts';
import { serverLog } from './server-log.ts';
import { serverNames } from './server-names.ts';
import { signingAs } from './service-account-flags.ts';
import { startServer } from './start-server.ts';
import type { UpOptions } from './up.ts';

/** `berth apiserver`: the API server alone, until the signal. Nodes are other processes' affair. */
export async function apiserver(options: Omit<UpOptions, 'nodes' | 'pools' | 'driverCommand'>): Promise<void> {
  const { data, address, signal, terminal } = options;
  // What is refused anyway leaves no new folder behind.
  if (!data.isOurs) await checkPort(options);
  await prepareOutputs(options, 'before');
  using _ = await data.take();
  await prepareOutputs(options, 'after');
  const { log, debug } = serverLog(options);
  const parts = { clock: systemClock, rng: systemRng, log, debug };
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    const pki = await signingAs(options, await ensurePki(data.pki, serverNames(address, options.services), parts));
    const client = () => new KubeClient(server.api.transport());
    const nodeApi = remoteNodes(pki, client);
    const components = electedComponents(client, systemClock);
    await using server = await startServer({ ...options, ...parts, pki, nodeApi, components });
    const kubeconfig = await writeKubeconfigs(options, server.url, pki);
    await using _announced = await announce(options, { server, kubeconfig, what: '' });
    using _memory = returnMemoryWhenQuiet(systemClock);
    await stopped;
    terminal.err('berth: stopping\n');
  } catch (error) {
    if (!signal.aborted) throw error;
    log.debug('stopped while starting', { error });
  }
}

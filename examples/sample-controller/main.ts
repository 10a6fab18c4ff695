/**
 * A custom controller on Berth's client. With the definition there (`kubectl apply -f examples/sample-controller/definition.yaml`):
 * `npx node examples/sample-controller/main.ts KUBECONFIG`, then `kubectl apply -f examples/sample-controller/foo.yaml`.
 */
import { createLogger, systemClock, systemRng } from '@berth/kit';
import { createEventRecorder, httpTransport, KubeClient, loadKubeconfig, startInformers } from '@berth/kube';
import { runSampleController } from './sample-controller.ts';

const [kubeconfig] = process.argv.slice(2);
if (kubeconfig === undefined) {
  process.stderr.write('usage: npx node examples/sample-controller/main.ts KUBECONFIG\n');
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const log = createLogger({
  level: 'info',
  now: () => systemClock.now(),
  write: (line) => void process.stderr.write(`${line}\n`),
});
const parts = { clock: systemClock, rng: systemRng, log };
const access = await loadKubeconfig(kubeconfig);
using transport = httpTransport(access.transport);
const client = new KubeClient(transport, { fieldManager: 'sample-controller' });
await using recorder = createEventRecorder(client, { ...parts, component: 'sample-controller' });
await using informers = startInformers(client, parts, stop.signal);
await runSampleController({ client, informers, recorder, ...parts }, stop.signal);

import { rfc3339Micro } from '@berth/kit';
import { type Lease, type Node, resources } from '@berth/kube';
import type { KubeletOptions } from '../kubelet-options.ts';

/** kubelet's nodeLeaseDurationSeconds, renewed at a quarter of it. */
const durationSeconds = 40;
const renewMs = 10_000;
const retryMs = 1000;
const namespace = 'kube-node-lease';

/** Renews the node's lease: the sign of life the node lifecycle controller watches. Runs until `signal` aborts. */
export async function keepNodeLease(options: KubeletOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  let held: Lease | undefined;
  while (!signal.aborted) {
    let next = renewMs;
    try {
      held = await renew(options, held, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.debug('node lease not renewed, will try again', { node: options.nodeName, error });
      held = undefined;
      next = retryMs;
    }
    await clock.sleep(next, signal).catch(() => undefined);
  }
}

async function renew(options: KubeletOptions, held: Lease | undefined, signal: AbortSignal): Promise<Lease> {
  const { client, clock, nodeName } = options;
  const name = nodeName;
  const spec = {
    holderIdentity: nodeName,
    leaseDurationSeconds: durationSeconds,
    renewTime: rfc3339Micro(clock.now()),
  };
  const known = held ?? (await client.find<Lease>(resources.leases, { namespace, name }, signal));
  if (known) {
    return client.update<Lease>(resources.leases, { ...known, spec: { ...known.spec, ...spec } }, {}, signal);
  }
  // The lease goes with its node.
  const node = await client.get<Node>(resources.nodes, { name }, signal);
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' }];
  return client.create<Lease>(resources.leases, { metadata: { namespace, name, ownerReferences }, spec }, {}, signal);
}

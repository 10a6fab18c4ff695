import type { Clock } from '@berth/kit';
import { deadline } from '@berth/kit';
import { type KubeClient, keyOf, type PersistentVolumeClaim, resources } from '@berth/kube';
import type { ClaimWatch } from './claim-watch.ts';
import { isBound } from './pod-claims.ts';
import { selectedNodeAnnotation, type VolumeDecision } from './volume-binding.ts';

/** How long a pod waits for its claims after a node was chosen (kube-scheduler BindTimeoutSeconds). */
const bindTimeoutMs = 600_000;

export interface BindVolumesOptions {
  readonly client: KubeClient;
  readonly claims: ClaimWatch;
  readonly clock: Clock;
}

/**
 * VolumeBinding's PreBind: says which volume or node each waiting claim gets, then waits until all are bound.
 * @throws Error – the API server refused, the provisioner gave the node back, or ten minutes passed.
 */
export async function bindVolumes(
  decision: VolumeDecision,
  nodeName: string,
  options: BindVolumesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client } = options;
  for (const { claim, volume } of decision.bind) {
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
    const annotations = volume.spec?.claimRef ? {} : { 'pv.kubernetes.io/bound-by-controller': 'yes' };
    const metadata = { resourceVersion: volume.metadata.resourceVersion, annotations };
    const ref = { name: volume.metadata.name as string };
    await client.patch(
      resources.persistentvolumes,
      ref,
      { type: 'merge', patch: { metadata, spec: { claimRef } } },
      {},
      signal,
    );
  }
  for (const claim of decision.provision) {
    if (claim.metadata.annotations?.[selectedNodeAnnotation] === nodeName) continue;
    const { namespace, name, resourceVersion } = claim.metadata;
    const patch = { metadata: { resourceVersion, annotations: { [selectedNodeAnnotation]: nodeName } } };
    await client.patch(
      resources.persistentvolumeclaims,
      { namespace, name: name as string },
      { type: 'merge', patch },
      {},
      signal,
    );
  }
  await whenBound(decision, nodeName, options, signal);
}

async function whenBound(
  decision: VolumeDecision,
  nodeName: string,
  { claims, clock }: BindVolumesOptions,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Map(
    [...decision.bind.map(({ claim }) => claim), ...decision.provision, ...decision.settle].map((claim) => [
      keyOf(claim),
      claim.metadata.uid,
    ]),
  );
  const provisioning = new Set(decision.provision.map(keyOf));
  const annotated = new Set<string>();
  if (waiting.size === 0) return;
  using limit = deadline(clock, bindTimeoutMs, signal);
  await new Promise<void>((resolve, reject) => {
    const fail = () => finish(() => reject(limit.signal.reason));
    const finish = (settle: () => void) => {
      subscription[Symbol.dispose]();
      limit.signal.removeEventListener('abort', fail);
      settle();
    };
    const look = (key: string, claim: PersistentVolumeClaim | undefined) => {
      if (!waiting.has(key)) return;
      const problem = trouble(claim, waiting.get(key));
      if (problem) return finish(() => reject(new Error(problem)));
      if (claim && provisioning.has(key)) {
        // The first look may be at a copy older than our own annotation; only its later absence means "choose again".
        if (claim.metadata.annotations?.[selectedNodeAnnotation] === nodeName) annotated.add(key);
        else if (annotated.has(key) && !isBound(claim))
          return finish(() => reject(new Error(`provisioning of ${key} was given back by node ${nodeName}`)));
      }
      if (claim && isBound(claim)) waiting.delete(key);
      if (waiting.size === 0) finish(resolve);
    };
    limit.signal.addEventListener('abort', fail, { once: true });
    const subscription = claims.subscribe([...waiting.keys()], look);
    for (const key of [...waiting.keys()]) look(key, claims.get(key));
  });
}

function trouble(claim: PersistentVolumeClaim | undefined, uid: string | undefined): string | undefined {
  if (!claim || claim.metadata.uid !== uid) return 'a claim of the pod was deleted while its volume was being bound';
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${claim.metadata.name}" is being deleted`;
  return undefined;
}

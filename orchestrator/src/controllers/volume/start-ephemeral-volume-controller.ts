import { Backoff, messageOf, runController, startTask, WorkQueue } from '@berth/kit';
import {
  controllerOf,
  type EventRecorder,
  isAlreadyExists,
  isConflict,
  type KubeClient,
  keyOf,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type Volume,
} from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import { claimKeysOf, ephemeralClaimName, indexPodsByClaim, podsOf } from './pod-claims.ts';

const workers = 8;

/** Makes the claims of generic ephemeral volumes, owned by their pods (kube-controller-manager, volume/ephemeral). */
export function startEphemeralVolumeController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  return startTask('ephemeral-volume', (stop) => run(deps, stop), { log: deps.log, signal });
}

async function run(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { informers, clock, log } = deps;
  const events = deps.recorder('ephemeral_volume');
  const client = deps.client.as('kube-controller-manager');
  indexPodsByClaim(informers);
  const pods = informers.of(resources.pods);
  const claims = informers.of(resources.persistentvolumeclaims);
  const backoff = new Backoff({ initialMs: 5, maxMs: 300_000 });
  await using queue = new WorkQueue({ clock, backoff, observer: deps.queueObserver?.('ephemeral_volume') });
  using handlers = new DisposableStack();
  handlers.use(pods.onChange((key, { after }) => after && hasEphemeral(after) && queue.add(key)));
  handlers.use(
    claims.onChange((key, { after }) => {
      if (!after) for (const pod of podsOf(informers, key)) if (hasEphemeral(pod)) queue.add(keyOf(pod));
    }),
  );
  await informers.whenSynced(signal);
  const reconcile = async (key: string, stop: AbortSignal): Promise<undefined> => {
    const pod = pods.get(key);
    if (!pod || pod.metadata.deletionTimestamp !== undefined) return;
    for (const volume of pod.spec?.volumes ?? []) {
      if (!volume.ephemeral?.volumeClaimTemplate) continue;
      const claim = claims.get(`${pod.metadata.namespace}/${ephemeralClaimName(pod, volume.name)}`);
      await ensureClaim({ pod, volume, claim, client, events }, stop);
    }
  };
  await runController({ name: 'ephemeral-volume', queue, reconcile, workers, log, signal, isConflict });
}

function hasEphemeral(pod: Pod): boolean {
  return pod.spec?.volumes?.some(({ ephemeral }) => ephemeral !== undefined) === true && claimKeysOf(pod).length > 0;
}

interface EnsureOptions {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly claim: PersistentVolumeClaim | undefined;
  readonly client: KubeClient;
  readonly events: EventRecorder;
}

async function ensureClaim({ pod, volume, claim, client, events }: EnsureOptions, signal: AbortSignal): Promise<void> {
  try {
    if (claim) return assertOwned(pod, claim);
    await createClaim({ pod, volume, client }, signal);
  } catch (error) {
    const message = `ephemeral volume ${volume.name}: ${messageOf(error)}`;
    events.event(pod, 'Warning', 'FailedBinding', message);
    throw new Error(`pod ${keyOf(pod)}, ${message}`, { cause: error });
  }
}

/** A claim somebody else made under this name is not used: it may hold another's data. */
function assertOwned(pod: Pod, claim: PersistentVolumeClaim): void {
  const owner = controllerOf(claim);
  if (owner?.uid === pod.metadata.uid) return;
  throw new Error(`PVC ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)`);
}

async function createClaim(
  { pod, volume, client }: Pick<EnsureOptions, 'pod' | 'volume' | 'client'>,
  signal: AbortSignal,
): Promise<void> {
  const name = ephemeralClaimName(pod, volume.name);
  const template = structuredClone(volume.ephemeral?.volumeClaimTemplate);
  const { annotations, labels } = template?.metadata ?? {};
  const claim: PersistentVolumeClaim = {
    metadata: {
      name,
      namespace: pod.metadata.namespace ?? '',
      ...(annotations ? { annotations } : {}),
      ...(labels ? { labels } : {}),
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Pod',
          name: pod.metadata.name ?? '',
          uid: pod.metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: template?.spec ?? {},
  };
  try {
    await client.create(resources.persistentvolumeclaims, claim, {}, signal);
  } catch (error) {
    // The cache lags behind our own create: the next change of the claims looks whose it is.
    if (isAlreadyExists(error)) {
      const made = await client.get(
        resources.persistentvolumeclaims,
        { namespace: pod.metadata.namespace, name },
        signal,
      );
      return assertOwned(pod, made);
    }
    throw new Error(`create PVC ${name}: ${messageOf(error)}`, { cause: error });
  }
}

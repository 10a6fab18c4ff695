import {
  copyJson,
  type KubeClient,
  keyOf,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  splitKey,
} from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import { claimProtection } from './binding-names.ts';
import type { LatestView } from './latest-view.ts';
import type { LivePods } from './live-pods.ts';
import { ephemeralClaimName, podsOf } from './pod-claims.ts';

export interface ClaimProtectionOptions extends Pick<ControllerDeps, 'informers'> {
  readonly client: KubeClient;
  readonly claims: LatestView<PersistentVolumeClaim>;
  readonly livePods: LivePods;
}

/** Keeps a claim that is being deleted until no scheduled pod uses it (kube-controller-manager, pvc_protection_controller.go). */
export class ClaimProtection {
  readonly #options: ClaimProtectionOptions;

  constructor(options: ClaimProtectionOptions) {
    this.#options = options;
  }

  async sync(key: string, signal: AbortSignal): Promise<undefined> {
    const claim = this.#options.claims.get(key);
    if (!claim) return;
    const held = claim.metadata.finalizers?.includes(claimProtection) ?? false;
    if (claim.metadata.deletionTimestamp === undefined) {
      if (!held) await this.#write(claim, [...(claim.metadata.finalizers ?? []), claimProtection], signal);
      return;
    }
    if (!held || (await this.#inUse(claim, signal))) return;
    const rest = claim.metadata.finalizers?.filter((name) => name !== claimProtection) ?? [];
    await this.#write(claim, rest, signal);
  }

  /** The cache may say yes at once; only the server may say no. */
  async #inUse(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(claim);
    if (podsOf(this.#options.informers, key).some((pod) => podUsesClaim(pod, claim))) return true;
    const { namespace } = splitKey(key);
    const pods = await this.#options.livePods.in(namespace ?? '', signal);
    return pods.some((pod) => podUsesClaim(pod, claim));
  }

  async #write(claim: PersistentVolumeClaim, finalizers: string[], signal: AbortSignal): Promise<void> {
    const next = copyJson(claim);
    next.metadata.finalizers = finalizers;
    const { claims, client } = this.#options;
    claims.learn(await client.update(resources.persistentvolumeclaims, next, {}, signal));
  }
}

/** Unscheduled pods do not count: kubelet refuses to start a pod on a claim that is being deleted. */
function podUsesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (!pod.spec?.nodeName || pod.metadata.namespace !== claim.metadata.namespace) return false;
  const { name, ownerReferences = [] } = claim.metadata;
  return (pod.spec.volumes ?? []).some((volume) => {
    if (volume.persistentVolumeClaim?.claimName === name) return true;
    if (!volume.ephemeral || isShutDown(pod) || ephemeralClaimName(pod, volume.name) !== name) return false;
    return ownerReferences.some((owner) => owner.controller === true && owner.uid === pod.metadata.uid);
  });
}

/** Its containers and volumes are gone; kubelet only waits for the garbage collector to delete the claim. */
function isShutDown(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && pod.metadata.deletionGracePeriodSeconds === 0;
}

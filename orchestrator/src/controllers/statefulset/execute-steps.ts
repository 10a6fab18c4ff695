import { messageOf } from '@berth/kit';
import {
  type EventRecorder,
  type Informer,
  isAlreadyExists,
  isNotFound,
  type KubeClient,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type StatefulSet,
} from '@berth/kube';
import { type ClaimUser, claimOwners, isStale } from './claim-retention.ts';
import { claimsOf, labels, newPod, ordinalOf } from './identity.ts';
import type { Step } from './plan.ts';

export interface StepExecutorOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly claims: Informer<PersistentVolumeClaim>;
  /** The set as it was at a revision, whose template new pods are made from. */
  readonly setAt: (revision: string) => StatefulSet;
}

/** Carries out the steps of one set, one after the other; the first that fails ends the round. */
export class StepExecutor {
  readonly #set: StatefulSet;
  readonly #options: StepExecutorOptions;

  constructor(set: StatefulSet, options: StepExecutorOptions) {
    this.#set = set;
    this.#options = options;
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.#create(step.ordinal, step.revision);
      case 'replace':
        this.#options.events.event(
          this.#set,
          'Warning',
          'RecreatingFailedPod',
          `StatefulSet ${this.#name} is recreating failed Pod ${step.pod.metadata.name}`,
        );
        await this.#delete(step.pod);
        return this.#create(step.ordinal, step.revision);
      case 'createClaims':
        return this.#createClaims(step.ordinal, step.pod);
      case 'repair':
        return this.#repair(step.pod, step.ordinal);
      case 'delete':
        if (step.why === 'scaleDown') await this.#ownClaims({ pod: step.pod, isCondemned: true });
        return this.#delete(step.pod);
    }
  }

  /** Gives the set's claims the owners its retention policy asks for; a pod in use is not condemned. */
  async ownClaims(pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) if (!pod.metadata.deletionTimestamp) await this.#ownClaims({ pod });
  }

  get #name(): string {
    return `${this.#set.metadata.namespace}/${this.#set.metadata.name}`;
  }

  async #create(ordinal: number, revision: string): Promise<void> {
    const pod = newPod(this.#options.setAt(revision), ordinal, revision);
    try {
      await this.#createClaims(ordinal, pod);
      await this.#options.client.create(resources.pods, pod);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      this.#report('Create', pod, error);
      throw error;
    }
    this.#report('Create', pod);
  }

  async #createClaims(ordinal: number, pod: Pod): Promise<void> {
    for (const claim of claimsOf(this.#set, ordinal)) {
      const present = this.#options.claims.get(`${claim.metadata.namespace}/${claim.metadata.name}`);
      // An earlier pod of this name took it along when the set was scaled down; the garbage collector has yet to come to it.
      if (present && (present.metadata.deletionTimestamp || isStale(present, 'Pod', pod)))
        throw new Error(`pvc ${claim.metadata.name} is to be deleted`);
      if (!present) await this.#createClaim(claim, ordinal);
    }
  }

  async #createClaim(claim: PersistentVolumeClaim, ordinal: number): Promise<void> {
    const [{ name: set }, { name }] = [this.#set.metadata, claim.metadata];
    const pod = `Pod ${set}-${ordinal} in StatefulSet ${set}`;
    const owners = claimOwners(this.#set, claim, {});
    const metadata = owners ? { ...claim.metadata, ownerReferences: owners } : claim.metadata;
    try {
      await this.#options.client.create(resources.persistentvolumeclaims, { ...claim, metadata });
    } catch (error) {
      if (isAlreadyExists(error)) return;
      this.#options.events.event(
        this.#set,
        'Warning',
        'FailedCreate',
        `Create Claim ${name} for ${pod} failed error: ${messageOf(error)}`,
      );
      throw error;
    }
    this.#options.events.event(this.#set, 'Normal', 'SuccessfulCreate', `Create Claim ${name} ${pod} success`);
  }

  /** Puts identity labels back; a pod whose volumes are wrong cannot be changed and is left as it is. */
  async #repair(pod: Pod, ordinal: number): Promise<void> {
    const { namespace, name, resourceVersion } = pod.metadata;
    const own = { [labels.podName]: name, [labels.podIndex]: String(ordinal) };
    const patch = { metadata: { resourceVersion, labels: own } };
    await this.#options.client.patch(resources.pods, { namespace, name: name as string }, { type: 'merge', patch });
    await this.#createClaims(ordinal, pod);
  }

  async #delete(pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    try {
      await this.#options.client.delete(
        resources.pods,
        { namespace, name: name as string },
        { preconditions: { uid: uid as string } },
      );
    } catch (error) {
      if (isNotFound(error)) return;
      this.#report('Delete', pod, error);
      throw error;
    }
    this.#report('Delete', pod);
  }

  async #ownClaims(user: ClaimUser & { readonly pod: Pod }): Promise<void> {
    for (const { metadata } of claimsOf(this.#set, ordinalOf(this.#set, user.pod))) {
      const claim = this.#options.claims.get(`${metadata.namespace}/${metadata.name}`);
      const owners = claim ? claimOwners(this.#set, claim, user) : undefined;
      if (!claim || !owners) continue;
      const patch = { metadata: { resourceVersion: claim.metadata.resourceVersion, ownerReferences: owners } };
      await this.#options.client.patch(
        resources.persistentvolumeclaims,
        { namespace: metadata.namespace, name: metadata.name as string },
        { type: 'merge', patch },
      );
    }
  }

  #report(verb: 'Create' | 'Delete', pod: Pod, error?: unknown): void {
    const what = `Pod ${pod.metadata.name} in StatefulSet ${this.#set.metadata.name}`;
    if (error === undefined)
      this.#options.events.event(this.#set, 'Normal', `Successful${verb}`, `${verb} ${what} successful`);
    else
      this.#options.events.event(
        this.#set,
        'Warning',
        `Failed${verb}`,
        `${verb} ${what} failed error: ${messageOf(error)}`,
      );
  }
}

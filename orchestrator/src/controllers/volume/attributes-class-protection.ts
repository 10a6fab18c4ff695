import type { WorkQueue } from '@berth/kit';
import {
  copyJson,
  type Informers,
  type KubeClient,
  type PersistentVolume,
  type PersistentVolumeClaim,
  resources,
  type VolumeAttributesClass,
} from '@berth/kube';
import { attributesClassProtection } from './binding-names.ts';
import { LatestView } from './latest-view.ts';

const byAttributesClass = 'volume/attributes-class';

/**
 * Keeps a VolumeAttributesClass that is being deleted while a volume or claim has it, had it, or is to get it
 * (kube-controller-manager, vac_protection_controller.go).
 */
export class AttributesClassProtection {
  readonly #client: KubeClient;
  readonly #informers: Informers;
  readonly #classes: LatestView<VolumeAttributesClass>;

  /** Make it before the informers are used. */
  constructor(client: KubeClient, informers: Informers) {
    this.#client = client;
    this.#informers = informers;
    this.#classes = new LatestView(informers.of(resources.volumeattributesclasses));
    informers.of(resources.persistentvolumes).addIndex(byAttributesClass, classesOfVolume);
    informers.of(resources.persistentvolumeclaims).addIndex(byAttributesClass, classesOfClaim);
  }

  /** Queues the names of classes that may have to gain or lose their finalizer. */
  feed(queue: WorkQueue<string>): Disposable {
    const informers = this.#informers;
    const handlers = new DisposableStack();
    handlers.use(this.#classes.informer.onChange((name, { after }) => after && queue.add(name)));
    const released = (before: string[], after: string[]) => {
      for (const name of before) if (!after.includes(name)) queue.add(name);
    };
    const volumes = informers.of(resources.persistentvolumes);
    handlers.use(volumes.onChange((_, { before, after }) => released(classesOfVolume(before), classesOfVolume(after))));
    const claims = informers.of(resources.persistentvolumeclaims);
    handlers.use(claims.onChange((_, { before, after }) => released(classesOfClaim(before), classesOfClaim(after))));
    return handlers;
  }

  async sync(name: string, signal: AbortSignal): Promise<undefined> {
    const found = this.#classes.get(name);
    if (!found) return;
    const { finalizers = [], deletionTimestamp } = found.metadata;
    const held = finalizers.includes(attributesClassProtection);
    if (deletionTimestamp === undefined) {
      if (!held) await this.#write(found, [...finalizers, attributesClassProtection], signal);
    } else if (held && !this.#inUse(name)) {
      const rest = finalizers.filter((finalizer) => finalizer !== attributesClassProtection);
      await this.#write(found, rest, signal);
    }
  }

  /** By what was seen, as upstream: a claim that is made in this moment may find its class gone. */
  #inUse(name: string): boolean {
    const informers = this.#informers;
    if (informers.of(resources.persistentvolumes).byIndex(byAttributesClass, name).length > 0) return true;
    return informers.of(resources.persistentvolumeclaims).byIndex(byAttributesClass, name).length > 0;
  }

  async #write(found: VolumeAttributesClass, finalizers: string[], signal: AbortSignal): Promise<void> {
    const next = copyJson(found);
    next.metadata.finalizers = finalizers;
    this.#classes.learn(await this.#client.update(resources.volumeattributesclasses, next, {}, signal));
  }
}

function classesOfVolume(volume: PersistentVolume | undefined): string[] {
  const name = volume?.spec?.volumeAttributesClassName;
  return name ? [name] : [];
}

/** The class that is asked for, that the volume has, and that it is being changed to. */
function classesOfClaim(claim: PersistentVolumeClaim | undefined): string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = claim?.status ?? {};
  const names = [
    claim?.spec?.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return names.filter((name): name is string => Boolean(name));
}

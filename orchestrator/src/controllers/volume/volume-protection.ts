import { copyJson, type KubeClient, type PersistentVolume, resources } from '@berth/kube';
import { volumeProtection } from './binding-names.ts';
import type { LatestView } from './latest-view.ts';

/** Keeps a volume that is being deleted while a claim is bound to it (kube-controller-manager, pv_protection_controller.go). */
export class VolumeProtection {
  readonly #client: KubeClient;
  readonly #volumes: LatestView<PersistentVolume>;

  constructor(client: KubeClient, volumes: LatestView<PersistentVolume>) {
    this.#client = client;
    this.#volumes = volumes;
  }

  async sync(name: string, signal: AbortSignal): Promise<undefined> {
    const volume = this.#volumes.get(name);
    if (!volume) return;
    const { finalizers = [], deletionTimestamp } = volume.metadata;
    const held = finalizers.includes(volumeProtection);
    if (deletionTimestamp === undefined) {
      if (!held) await this.#write(volume, [...finalizers, volumeProtection], signal);
    } else if (held && volume.status?.phase !== 'Bound') {
      const rest = finalizers.filter((finalizer) => finalizer !== volumeProtection);
      await this.#write(volume, rest, signal);
    }
  }

  async #write(volume: PersistentVolume, finalizers: string[], signal: AbortSignal): Promise<void> {
    const next = copyJson(volume);
    next.metadata.finalizers = finalizers;
    this.#volumes.learn(await this.#client.update(resources.persistentvolumes, next, {}, signal));
  }
}

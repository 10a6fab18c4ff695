import { type ConfigMap, type Informers, type ResourceType, resources, type Secret } from '@berth/kube';
import { ContentIndex } from './content-index.ts';
import type { CsiPlugins } from './csi/csi-plugins.ts';
import type { VolumeSpec } from './volume-spec.ts';

export interface DependencyHandlers {
  dependencyChanged(kind: 'claim' | 'pv' | 'driver', key: string): void;
  driverChanged(driver: string): void;
  attachmentChanged(pvName: string): void;
  contentChanged(specs: readonly VolumeSpec[]): void;
}

/** Follows the objects that pods' volumes are made of. ConfigMaps and Secrets are watched once a volume refers to one. */
export class Dependencies implements Disposable {
  readonly #informers: Informers;
  readonly #handlers: DependencyHandlers;
  readonly #index = new ContentIndex();
  readonly #subscriptions = new DisposableStack();
  readonly #watched = new Set<string>();

  constructor(informers: Informers, handlers: DependencyHandlers) {
    this.#informers = informers;
    this.#handlers = handlers;
  }

  keep(subscription: Disposable): void {
    this.#subscriptions.use(subscription);
  }

  /** The volumes a pod has now. */
  setContent(podUid: string, specs: Iterable<VolumeSpec>): void {
    for (const reference of this.#index.set(podUid, specs)) {
      if (reference.startsWith('secret/')) this.#watch('secret', resources.secrets);
      else this.#watch('configmap', resources.configmaps);
    }
  }

  [Symbol.dispose](): void {
    this.#subscriptions[Symbol.dispose]();
  }

  #watch(kind: 'secret' | 'configmap', type: ResourceType<Secret> | ResourceType<ConfigMap>): void {
    if (this.#watched.has(kind)) return;
    this.#watched.add(kind);
    const informer = this.#informers.of<Secret | ConfigMap>(type as ResourceType<Secret | ConfigMap>);
    this.keep(
      informer.onChange((key) => {
        const specs = this.#index.find(`${kind}/${key}`);
        if (specs.length > 0) this.#handlers.contentChanged(specs);
      }),
    );
  }
}

export function watchDependencies(informers: Informers, csi: CsiPlugins, handlers: DependencyHandlers): Dependencies {
  const dependencies = new Dependencies(informers, handlers);
  const { dependencyChanged, driverChanged, attachmentChanged } = handlers;
  dependencies.keep(informers.of(resources.persistentvolumeclaims).onChange((key) => dependencyChanged('claim', key)));
  dependencies.keep(informers.of(resources.persistentvolumes).onChange((key) => dependencyChanged('pv', key)));
  dependencies.keep(
    informers.of(resources.csidrivers).onChange((key) => {
      dependencyChanged('driver', key);
      driverChanged(key);
    }),
  );
  dependencies.keep(
    informers.of(resources.volumeattachments).onChange((_, { before, after }) => {
      const pvName = (after ?? before)?.spec.source.persistentVolumeName;
      if (pvName) attachmentChanged(pvName);
    }),
  );
  dependencies.keep(csi.onChange(driverChanged));
  return dependencies;
}

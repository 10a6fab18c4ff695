import {
  type ConfigMap,
  type Informers,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type ResourceType,
  resources,
  type Secret,
} from '@berth/kube';

/** Reads ConfigMaps and Secrets for volumes: from the informer, and from the server what it does not know yet. */
export class ObjectReader {
  readonly #client: KubeClient;
  readonly #informers: Informers;

  constructor(client: KubeClient, informers: Informers) {
    this.#client = client;
    this.#informers = informers;
  }

  configMap(namespace: string, name: string, signal: AbortSignal): Promise<ConfigMap | undefined> {
    return this.#read(resources.configmaps, { namespace, name }, signal);
  }

  secret(namespace: string, name: string, signal: AbortSignal): Promise<Secret | undefined> {
    return this.#read(resources.secrets, { namespace, name }, signal);
  }

  async #read<T extends KubeObject>(
    type: ResourceType<T>,
    ref: { namespace: string; name: string },
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const cached = this.#informers.of(type).get(`${ref.namespace}/${ref.name}`);
    if (cached) return cached;
    try {
      return await this.#client.get(type, ref, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

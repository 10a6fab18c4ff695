import { type Clock, deadline } from '@berth/kit';
import {
  type APIResourceList,
  controllerOf,
  goQuote,
  groupVersionOf,
  type Informer,
  type Informers,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type OwnerReference,
  resources,
  type Scale,
} from '@berth/kube';

/** What is meant to be there of a controller's pods. */
export interface ControllerScale {
  readonly uid: string;
  readonly replicas: number;
}

type Workload = KubeObject & { readonly spec?: { readonly replicas?: number } };

interface Followed {
  readonly groups: readonly string[];
  readonly informer: Informer<Workload>;
}

/** Another server that takes longer is none to be waited for; client-go's time for discovery. */
const patienceMs = 32_000;

/** How many pods controllers are to have (pkg/controller/disruption finders): of workloads that are followed anyway, of all others by their scale. */
export class ControllerScales {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #followed: Readonly<Record<string, Followed>>;

  constructor({ client, clock, informers }: { client: KubeClient; clock: Clock; informers: Informers }) {
    this.#client = client;
    this.#clock = clock;
    const apps = ['apps', 'extensions'];
    this.#followed = {
      ReplicationController: { groups: [''], informer: informers.of(resources.replicationcontrollers) },
      ReplicaSet: { groups: apps, informer: informers.of(resources.replicasets) },
      Deployment: { groups: apps, informer: informers.of(resources.deployments) },
      StatefulSet: { groups: ['apps'], informer: informers.of(resources.statefulsets) },
    };
  }

  /** Undefined where the controller has gone. @throws Error – nobody knows its kind, or that has no scale. */
  async of(owner: OwnerReference, namespace: string, signal: AbortSignal): Promise<ControllerScale | undefined> {
    return this.#known(owner, namespace) ?? (await this.#asked(owner, namespace, signal));
  }

  #known({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): ControllerScale | undefined {
    const followed = Object.hasOwn(this.#followed, kind) ? this.#followed[kind] : undefined;
    if (!followed?.groups.includes(groupVersionOf(apiVersion).group)) return undefined;
    const workload = followed.informer.get(`${namespace}/${name}`);
    if (workload?.metadata.uid !== uid) return undefined;
    // Of a Deployment's ReplicaSets, which come and go, the Deployment knows how many there are to be.
    const above = kind === 'ReplicaSet' ? controllerOf(workload) : undefined;
    if (above?.kind === 'Deployment') return this.#known(above, namespace);
    return { uid, replicas: workload.spec?.replicas ?? 1 };
  }

  async #asked(
    { apiVersion, kind, name, uid }: OwnerReference,
    namespace: string,
    signal: AbortSignal,
  ): Promise<ControllerScale | undefined> {
    using time = deadline(this.#clock, patienceMs, signal);
    const { group, version } = groupVersionOf(apiVersion);
    const root = group === '' ? ['api', version] : ['apis', group, version];
    const served = (await this.#find<Partial<APIResourceList>>(root, time.signal))?.resources ?? [];
    const plural = served.find((each) => each.kind === kind && !each.name.includes('/'))?.name;
    if (plural === undefined) throw new Error(`no matches for kind ${goQuote(kind)} in version ${goQuote(apiVersion)}`);
    if (!served.some((each) => each.name === `${plural}/scale` && each.kind === 'Scale'))
      throw new Error(`${group === '' ? plural : `${plural}.${group}`} does not implement the scale subresource`);
    const path = [...root, 'namespaces', namespace, plural, name, 'scale'];
    const scale = await this.#find<Scale>(path, time.signal);
    return scale?.metadata.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
  }

  async #find<T>(path: readonly string[], signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#client.raw<T>({ method: 'GET', path: `/${path.map(encodeURIComponent).join('/')}` }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

import {
  isNotFound,
  type KubeClient,
  type KubeObject,
  type Pod,
  type ResourceType,
  resources,
  type StatefulSet,
} from '@berth/kube';
import { eventually } from '../harness/berth.ts';
import { aClaim } from '../harness/storage-builders.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes, pods, statefulsets } = resources;

/** Where one recorded history is played again: its own namespace, and classes as the recording had them. */
export class Stage {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The class whose driver has what this history is about. */
  readonly className: string;

  constructor(options: { readonly client: KubeClient; readonly namespace: string; readonly className: string }) {
    this.client = options.client;
    this.namespace = options.namespace;
    this.className = options.className;
  }

  claim(storageClassName = this.className, more: object = {}): Promise<unknown> {
    return this.client.create(claims, aClaim('c1', { storageClassName, ...more }, this.namespace));
  }

  pod(name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<unknown> {
    const { namespace } = this;
    return this.client.create(pods, { metadata: { name, namespace }, spec: { ...podSpec(), ...spec } });
  }

  set(spec: Partial<NonNullable<StatefulSet['spec']>>): Promise<unknown> {
    const { namespace } = this;
    return this.client.create(statefulsets, { metadata: { name: 'web', namespace }, spec: { ...setSpec(), ...spec } });
  }

  patch(type: ResourceType, name: string, patch: object): Promise<unknown> {
    return this.client.patch(type, { namespace: this.namespace, name }, { type: 'merge', patch });
  }

  grow(storage: string): Promise<unknown> {
    return this.patch(claims, 'c1', { spec: { resources: { requests: { storage } } } });
  }

  delete(type: ResourceType, name: string): Promise<unknown> {
    return this.client.delete(type, this.#ref(type, name));
  }

  bound(name = 'c1'): Promise<unknown> {
    return this.is(claims, name, (claim) => claim.status?.phase === 'Bound');
  }

  running(name: string): Promise<unknown> {
    return this.is(pods, name, ({ metadata, status }) => {
      const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      return metadata.deletionTimestamp === undefined && ready === true;
    });
  }

  /** The set's own status says so. */
  settled(replicas: number, more: (set: StatefulSet) => boolean = () => true): Promise<unknown> {
    return this.is(statefulsets, 'web', (set) => {
      const { status, metadata } = set;
      const seen = status?.observedGeneration === metadata.generation && status?.replicas === replicas;
      return seen && status?.availableReplicas === replicas && more(set);
    });
  }

  told(reason: string): Promise<unknown> {
    const { namespace } = this;
    const isTold = async () => {
      const { items } = await this.client.list(resources.events, { namespace });
      return items.some((event) => event.reason === reason);
    };
    return eventually(isTold, { what: `the event ${reason} in ${namespace}` });
  }

  is<T extends KubeObject>(type: ResourceType<T>, name: string, check: (object: T) => boolean): Promise<unknown> {
    const what = `what ${type.plural} ${name} of ${this.namespace} waits for`;
    const now = async () => check(await this.client.get(type, this.#ref(type, name)));
    return eventually(now, { what });
  }

  gone(type: ResourceType, name: string): Promise<unknown> {
    const find = async () => {
      try {
        await this.client.get(type, this.#ref(type, name));
        return false;
      } catch (error) {
        return isNotFound(error);
      }
    };
    return eventually(find, { what: `the end of ${type.plural} ${name} of ${this.namespace}` });
  }

  /** No attachment of our volumes is left. */
  detached(): Promise<unknown> {
    const none = async () => {
      const names = new Set((await this.#volumes()).map(({ metadata }) => metadata.name));
      const { items } = await this.client.list(resources.volumeattachments);
      return items.every(({ spec }) => !names.has(spec.source.persistentVolumeName));
    };
    return eventually(none, { what: `no attachment of ${this.namespace}` });
  }

  /** The claim's volume is no more. */
  volumeGone(): Promise<unknown> {
    const none = async () => (await this.#volumes()).length === 0;
    return eventually(none, { what: `no volume of ${this.namespace}` });
  }

  async #volumes() {
    const { items } = await this.client.list(volumes);
    return items.filter(({ spec }) => spec?.claimRef?.namespace === this.namespace);
  }

  #ref(type: ResourceType, name: string) {
    return type.namespaced ? { namespace: this.namespace, name } : { name };
  }
}

/** The recorded pods: one container `c` that sleeps, on the claim `c1` at /data. */
export function podSpec(mount: object = {}): NonNullable<Pod['spec']> {
  return {
    terminationGracePeriodSeconds: 0,
    containers: [container('d', mount)],
    volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'c1' } }],
  };
}

export function container(volume: string, mount: object = {}) {
  return {
    name: 'c',
    image: 'local/busybox:1',
    imagePullPolicy: 'Never',
    command: ['/bin/busybox', 'sh', '-c', 'sleep 1000'],
    volumeMounts: [{ name: volume, mountPath: '/data', ...mount }],
  };
}

function setSpec(): NonNullable<StatefulSet['spec']> {
  const resources = { requests: { storage: '1Mi' } };
  return {
    serviceName: 'nginx',
    selector: { matchLabels: { app: 'x' } },
    template: {
      metadata: { labels: { app: 'x' } },
      spec: { terminationGracePeriodSeconds: 0, containers: [container('www')] },
    },
    volumeClaimTemplates: [
      { metadata: { name: 'www' }, spec: { accessModes: ['ReadWriteOnce'], resources, storageClassName: 'wffc' } },
    ],
  };
}

import {
  type CustomResourceDefinition,
  groupVersionOf,
  type Informer,
  type KubeObject,
  type ResourceType,
  resources,
  resourceType,
  startInformers,
} from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';

export interface CustomChange {
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

export type CustomChangeHandler = (type: ResourceType, change: CustomChange) => void;

interface Followed {
  readonly type: ResourceType;
  readonly informer: Informer<KubeObject>;
  stop(): Promise<void>;
}

type Deps = Pick<ControllerDeps, 'client' | 'informers' | 'clock' | 'rng' | 'log'>;

/**
 * The custom resources there are, for controllers that look after objects of every kind: each followed while its
 * definition is established, once, however many controllers ask. Without definitions nothing is followed.
 */
export class CustomTypes implements AsyncDisposable {
  readonly #deps: Deps;
  readonly #handlers = new Set<CustomChangeHandler>();
  readonly #followed = new Map<string, Followed>();
  readonly #handle: Disposable;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#handle = deps.informers.of(resources.customresourcedefinitions).onChange((name, { after }) => {
      const type = after && servedType(after);
      const known = this.#followed.get(name);
      if (known && type && sameType(known.type, type)) return;
      if (known) this.#unfollow(name, known);
      if (type) this.#follow(name, type);
    });
  }

  get types(): readonly ResourceType[] {
    return [...this.#followed.values()].map(({ type }) => type);
  }

  list(type: ResourceType, namespace: string): readonly KubeObject[] {
    const found = [...this.#followed.values()].find((each) => each.type === type);
    return found?.informer.list(namespace) ?? [];
  }

  typeOfKind(apiVersion: string, kind: string): ResourceType | undefined {
    const { group } = groupVersionOf(apiVersion);
    // Owners are named in any version: their uid is the same in all of them.
    return this.types.find((type) => type.group === group && type.kind === kind);
  }

  /** Told of every change of every custom resource, and that all of a kind are gone when the kind is. */
  onChange(handler: CustomChangeHandler): Disposable {
    this.#handlers.add(handler);
    for (const { type, informer } of this.#followed.values())
      for (const object of informer.list()) handler(type, { before: undefined, after: object });
    return { [Symbol.dispose]: () => this.#handlers.delete(handler) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#handle[Symbol.dispose]();
    await Promise.all([...this.#followed.values()].map((each) => each.stop()));
  }

  #follow(name: string, type: ResourceType): void {
    const { client, clock, rng, log } = this.#deps;
    const end = new AbortController();
    const informers = startInformers(client, { clock, log, rng }, end.signal);
    const informer = informers.of(type);
    const handle = informer.onChange((_, change) => this.#tell(type, change));
    const stop = async () => {
      handle[Symbol.dispose]();
      await informers[Symbol.asyncDispose]();
    };
    this.#followed.set(name, { type, informer, stop });
  }

  /** What the last events had no time to say: nothing of it is left. */
  #unfollow(name: string, { type, informer, stop }: Followed): void {
    this.#followed.delete(name);
    const objects = informer.list();
    void stop();
    for (const object of objects) this.#tell(type, { before: object, after: undefined });
  }

  #tell(type: ResourceType, change: CustomChange): void {
    for (const handler of this.#handlers) handler(type, change);
  }
}

/** The version its objects are read in: the stored one where it is served, else any that is. */
function servedType({ spec, status }: CustomResourceDefinition): ResourceType | undefined {
  if (!status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')) return undefined;
  const served = (spec.versions ?? []).filter((version) => version.served);
  const version = served.find(({ storage }) => storage) ?? served[0];
  const { plural, kind } = status.acceptedNames ?? spec.names;
  return version && resourceType(spec.group, version.name, plural, kind, spec.scope === 'Namespaced');
}

function sameType(a: ResourceType, b: ResourceType): boolean {
  return a.version === b.version && a.kind === b.kind && a.namespaced === b.namespaced;
}

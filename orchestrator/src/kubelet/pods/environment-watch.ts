import {
  type ConfigMap,
  type Container,
  type Informer,
  type Informers,
  type Pod,
  resources,
  type Secret,
} from '@berth/kube';

/**
 * Brings pods back whose containers lack a Secret or ConfigMap in their environment when it comes or changes.
 * Nothing is watched until a container lacks something.
 */
export class EnvironmentWatch implements Disposable {
  readonly #informers: Informers;
  readonly #subscriptions = new DisposableStack();
  readonly #followed = new Map<string, Informer<Secret> | Informer<ConfigMap>>();
  /** By pod: references it waits for, and versions of their objects it was brought back for. */
  readonly #waiting = new Map<string, { readonly references: ReadonlySet<string>; readonly tried: Set<string> }>();
  #poke: (uid: string) => void = () => undefined;

  constructor(informers: Informers) {
    this.#informers = informers;
  }

  /** Whom to tell. */
  onReady(poke: (uid: string) => void): void {
    this.#poke = poke;
  }

  /** The pod could not be started for want of something its environment refers to. */
  waitFor(uid: string, pod: Pod): void {
    const references = new Set(referencesOf(pod));
    const tried = this.#waiting.get(uid)?.tried ?? new Set();
    this.#waiting.set(uid, { references, tried });
    for (const reference of references) {
      const { kind, key } = parse(reference);
      // It may have come between the failed look and now: one more try for every version there is.
      if (this.#follow(kind).get(key)) this.#changed(reference);
    }
  }

  forget(uid: string): void {
    this.#waiting.delete(uid);
  }

  [Symbol.dispose](): void {
    this.#subscriptions[Symbol.dispose]();
    this.#waiting.clear();
  }

  #follow(kind: string): Informer<Secret> | Informer<ConfigMap> {
    const known = this.#followed.get(kind);
    if (known) return known;
    const informer =
      kind === 'secret' ? this.#informers.of(resources.secrets) : this.#informers.of(resources.configmaps);
    this.#followed.set(kind, informer);
    this.#subscriptions.use(informer.onChange((key) => this.#changed(`${kind}/${key}`)));
    return informer;
  }

  #changed(reference: string): void {
    const { kind, key } = parse(reference);
    const version = this.#followed.get(kind)?.get(key)?.metadata.resourceVersion;
    if (version === undefined) return;
    for (const [uid, { references, tried }] of this.#waiting) {
      if (!references.has(reference) || tried.has(`${reference}@${version}`)) continue;
      tried.add(`${reference}@${version}`);
      this.#poke(uid);
    }
  }
}

function referencesOf({ metadata: { namespace }, spec }: Pod): string[] {
  const containers: readonly Container[] = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const names = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => ({
      secret: valueFrom?.secretKeyRef?.name,
      configmap: valueFrom?.configMapKeyRef?.name,
    })),
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef?.name, configmap: configMapRef?.name })),
  ]);
  return names.flatMap(({ secret, configmap }) => [
    ...(secret ? [`secret/${namespace}/${secret}`] : []),
    ...(configmap ? [`configmap/${namespace}/${configmap}`] : []),
  ]);
}

function parse(reference: string): { readonly kind: string; readonly key: string } {
  const slash = reference.indexOf('/');
  return { kind: reference.slice(0, slash), key: reference.slice(slash + 1) };
}

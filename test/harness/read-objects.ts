import { httpTransport, KubeClient, type KubeObject, loadKubeconfig, type ResourceType, resources } from '@berth/kube';

const shortNames: Readonly<Record<string, string>> = {
  pvc: 'persistentvolumeclaims',
  pv: 'persistentvolumes',
  quota: 'resourcequotas',
};

/** Reads objects over one connection: kubectl, asked again and again, would take a tenth of a second of a core each time. */
export class ObjectReader implements Disposable {
  readonly #transport: ReturnType<typeof httpTransport>;
  readonly #client: KubeClient;

  private constructor(transport: ReturnType<typeof httpTransport>) {
    this.#transport = transport;
    this.#client = new KubeClient(transport);
  }

  static async of(kubeconfig: string): Promise<ObjectReader> {
    return new ObjectReader(httpTransport((await loadKubeconfig(kubeconfig)).transport));
  }

  /** What `kubectl get -o json` prints for these arguments: an object, or a list of those that are selected. @throws ApiError */
  async read(kind: string, args: readonly string[]): Promise<unknown> {
    const type = typeOf(kind);
    const { name, ...options } = wishOf(args, type.namespaced);
    return name === undefined
      ? await this.#client.list(type, options)
      : await this.#client.get(type, { namespace: options.namespace, name });
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}

function typeOf(kind: string): ResourceType<KubeObject> {
  const types = Object.values(resources) as ResourceType<KubeObject>[];
  const found = types.find((type) => [type.plural, type.kind.toLowerCase()].includes(shortNames[kind] ?? kind));
  if (!found) throw new Error(`no built-in resource is called ${kind}`);
  return found;
}

function wishOf(args: readonly string[], namespaced: boolean) {
  const wish: { name?: string; namespace?: string; labelSelector?: string; fieldSelector?: string } = {};
  if (namespaced) wish.namespace = 'default';
  for (let i = 0; i < args.length; i++) {
    const [arg = '', next = ''] = [args[i], args[i + 1]];
    if (!arg.startsWith('-')) wish.name = arg;
    else if (arg === '-n') wish.namespace = next;
    else if (arg === '-l') wish.labelSelector = next;
    else if (arg === '--field-selector') wish.fieldSelector = next;
    else throw new Error(`what ${arg} means is not known here`);
    if (arg.startsWith('-')) i++;
  }
  return wish;
}

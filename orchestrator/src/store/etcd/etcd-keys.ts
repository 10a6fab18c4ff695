/** Where every key of ours begins. */
const root = '/registry/';

/** Kinds that kube-apiserver keeps under another name than their plural's (registry/*\/storage, legacyscheme). */
const upstreamNames: Readonly<Record<string, string>> = {
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  services: 'services/specs',
  endpoints: 'services/endpoints',
  ingresses: 'ingress',
  // Of its extension servers, which put the group in front.
  customresourcedefinitions: 'apiextensions.k8s.io/customresourcedefinitions',
  apiservices: 'apiregistration.k8s.io/apiservices',
};

const ourNames = new Map(Object.entries(upstreamNames).map(([ours, theirs]) => [theirs, ours]));

/** Keys that are no resource's. */
const apart = 'berth.local';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Between our keys and etcd's: `--etcd-prefix` in front, kinds where kube-apiserver has them. */
export class EtcdKeys {
  readonly #prefix: string;

  /** `prefix` as `--etcd-prefix` gives it: `/registry`. */
  constructor(prefix: string) {
    this.#prefix = `/${prefix.replace(/^\/+|\/+$/g, '')}/`.replace('//', '/');
  }

  /** Everything that is ours in etcd. */
  get whole(): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
    return this.#span(this.#prefix);
  }

  key(ours: string): Uint8Array {
    return encoder.encode(this.text(ours));
  }

  /** The keys of a prefix at or after `start`; undefined where they are not beside each other in etcd. */
  range(prefix: string, start: string): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } | undefined {
    // Shorter ones span kinds, which are in another order there.
    if (!prefix.startsWith(root) || prefix.indexOf('/', root.length) < 0) return undefined;
    return { key: this.key(start), rangeEnd: this.#span(this.text(prefix)).rangeEnd };
  }

  /** Undefined: a key that is nobody's here. */
  ours(bytes: Uint8Array): string | undefined {
    const text = decoder.decode(bytes);
    if (!text.startsWith(this.#prefix)) return undefined;
    const rest = text.slice(this.#prefix.length);
    const [first = '', second = ''] = rest.split('/', 2);
    if (first === apart) return rest.slice(apart.length);
    const two = ourNames.get(`${first}/${second}`);
    if (two !== undefined) return `${root}${two}${rest.slice(first.length + 1 + second.length)}`;
    return `${root}${ourNames.get(first) ?? first}${rest.slice(first.length)}`;
  }

  /** A key of ours as etcd has it. */
  text(ours: string): string {
    if (!ours.startsWith(root)) return `${this.#prefix}${apart}${ours}`;
    const rest = ours.slice(root.length);
    const slash = rest.indexOf('/');
    const name = slash < 0 ? rest : rest.slice(0, slash);
    const theirs = Object.hasOwn(upstreamNames, name) ? upstreamNames[name] : name;
    return `${this.#prefix}${theirs}${rest.slice(name.length)}`;
  }

  #span(prefix: string): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
    const key = encoder.encode(prefix);
    const rangeEnd = key.slice();
    // Every prefix of ours ends in a slash.
    rangeEnd[rangeEnd.length - 1]! += 1;
    return { key, rangeEnd };
  }
}

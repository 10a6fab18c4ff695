import type { KubeObject } from '@berth/kube';

/** What a request's path and query say. */
export interface ApiPath {
  readonly group: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly collection: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly manager: string | undefined;
}

export function parsePath(text: string): ApiPath {
  const [path = '', search = ''] = text.split('?');
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [plural = '', name, subresource] = namespaced ? rest.slice(2) : rest;
  const namespace = namespaced ? rest[1] : undefined;
  const query = new URLSearchParams(search);
  return {
    group,
    plural,
    namespace,
    name,
    subresource,
    collection: path
      .split('/')
      .slice(0, name === undefined ? undefined : -(subresource === undefined ? 1 : 2))
      .join('/'),
    key: [plural, namespace, name].filter((part) => part !== undefined).join('/'),
    query,
    manager: query.get('fieldManager') ?? undefined,
  };
}

/** Whether label and field selectors of a query (equality, set and existence forms) choose the object. */
export function matches(object: KubeObject, query: URLSearchParams): boolean {
  const labels = object.metadata.labels ?? {};
  return (
    terms(query.get('labelSelector')).every((term) => labelMatches(labels, term)) &&
    terms(query.get('fieldSelector')).every((term) => fieldMatches(object, term))
  );
}

function terms(selector: string | null): string[] {
  return selector ? selector.split(/,(?![^(]*\))/).filter((term) => term !== '') : [];
}

function labelMatches(labels: Record<string, string>, term: string): boolean {
  const set = /^(\S+) (in|notin) \((.*)\)$/.exec(term);
  if (set)
    return (
      set[3]!
        .split(',')
        .map((s) => s.trim())
        .includes(labels[set[1]!] ?? '') ===
      (set[2] === 'in')
    );
  const [key = '', value = ''] = term.split(/!?==?/);
  if (term.includes('!=')) return labels[key] !== value;
  if (term.includes('=')) return labels[key] === value;
  return term.startsWith('!') ? !(term.slice(1) in labels) : term in labels;
}

function fieldMatches(object: KubeObject, term: string): boolean {
  const [path = '', value = ''] = term.split(/!?==?/);
  const actual = path
    .split('.')
    .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], object);
  return (String(actual ?? '') === value) !== term.includes('!=');
}

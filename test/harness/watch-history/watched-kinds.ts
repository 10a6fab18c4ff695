import type { KubeObject } from '@berth/kube';
import type { View } from './true-history.ts';

export const namespaces = ['a', 'b', 'c'] as const;
export const tiers = ['x', 'y', 'z'] as const;
/** Names of a few objects each, so that writers meet. */
export const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

/** A kind that is written and watched. */
export interface WatchedKind {
  readonly plural: 'configmaps' | 'nodes';
  readonly isNamespaced: boolean;
}

export const configMaps: WatchedKind = { plural: 'configmaps', isNamespaced: true };
export const nodes: WatchedKind = { plural: 'nodes', isNamespaced: false };

/** Path of a kind, of a namespace's or of all. */
export function pathOf({ plural }: WatchedKind, namespace = ''): string {
  return namespace === '' ? `/api/v1/${plural}` : `/api/v1/namespaces/${namespace}/${plural}`;
}

export function keyOfObject(plural: string, { metadata }: KubeObject): string {
  return metadata.namespace ? `${plural}/${metadata.namespace}/${metadata.name}` : `${plural}/${metadata.name}`;
}

/** A view and how it is asked for. */
export interface AskedView {
  readonly title: string;
  readonly kind: WatchedKind;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly view: View;
}

const everything = () => true;
const label = (name: string) => (object: KubeObject) => object.metadata.labels?.[name];

interface Part {
  readonly title: string;
  readonly query: Readonly<Record<string, string>>;
  readonly matches: View['matches'];
}

const ofAll: readonly Part[] = [
  { title: 'all', query: {}, matches: everything },
  { title: 'tier=x', query: { labelSelector: 'tier=x' }, matches: (object) => label('tier')(object) === 'x' },
  {
    title: 'tier in (y,z), no odd',
    query: { labelSelector: 'tier in (y,z),!odd' },
    matches: (object) => ['y', 'z'].includes(label('tier')(object) ?? '') && label('odd')(object) === undefined,
  },
  { title: 'odd', query: { labelSelector: 'odd' }, matches: (object) => label('odd')(object) !== undefined },
  {
    title: 'name m1',
    query: { fieldSelector: 'metadata.name=m1' },
    matches: ({ metadata }) => metadata.name === 'm1',
  },
];

const isUnschedulable = (object: KubeObject) =>
  (object as { spec?: { unschedulable?: boolean } }).spec?.unschedulable === true;
const ofNodes: readonly Part[] = [
  {
    title: 'unschedulable',
    query: { fieldSelector: 'spec.unschedulable=true' },
    matches: isUnschedulable,
  },
  {
    title: 'schedulable of tier!=x',
    query: { fieldSelector: 'spec.unschedulable!=true', labelSelector: 'tier!=x' },
    matches: (object) => !isUnschedulable(object) && label('tier')(object) !== 'x',
  },
];

/** Every part of every kind that a watcher of the tests may see. */
export const askedViews: readonly AskedView[] = [
  ...['', ...namespaces].flatMap((namespace) => ofAll.map((part) => viewOf(configMaps, namespace, part))),
  viewOf(configMaps, 'b', {
    title: 'not m2, twice said whose',
    query: { fieldSelector: 'metadata.namespace=b,metadata.name!=m2' },
    matches: ({ metadata }) => metadata.name !== 'm2',
  }),
  ...[...ofAll, ...ofNodes].map((part) => viewOf(nodes, '', part)),
];

function viewOf(kind: WatchedKind, namespace: string, { title, query, matches }: Part): AskedView {
  const prefix = `${kind.plural}/${namespace === '' ? '' : `${namespace}/`}`;
  return {
    title: `${prefix} ${title}`,
    kind,
    path: pathOf(kind, namespace),
    query,
    view: { prefix, matches },
  };
}

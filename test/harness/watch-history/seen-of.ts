import type { Rng } from '@berth/kit';
import type { KubeObject } from '@berth/kube';
import type { SeenFrame } from './check-watch.ts';
import type { Form } from './same-object.ts';
import { keyOfObject } from './watched-kinds.ts';
import type { Wire, WireFrame } from './wire.ts';

const partial = {
  object: 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
  list: 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
};

/** In which form to ask for an object, or for a list. Servers of this process know one. */
export function formOf(
  rng: Rng,
  { life }: Wire,
  what: keyof typeof partial,
): { readonly form: Form; readonly accept: string } {
  if (life.startsWith('in-process')) return { form: 'plain', accept: '' };
  const way = rng.next();
  if (way < 0.4) return { form: 'full', accept: 'application/json' };
  if (way < 0.7) return { form: 'full', accept: 'application/vnd.kubernetes.protobuf,application/json' };
  return { form: 'metadata', accept: `application/json;${partial[what]}` };
}

/** How a watcher asks for its frames. */
export const watchForms = {
  full: { form: 'full', accept: 'application/json' },
  /** As client-go asks. */
  either: { form: 'full', accept: 'application/vnd.kubernetes.protobuf,application/json' },
  protobuf: { form: 'metadata', accept: 'application/vnd.kubernetes.protobuf' },
  metadata: { form: 'metadata', accept: `application/json;${partial.object}` },
  table: { form: 'metadata', accept: 'application/json;as=Table;g=meta.k8s.io;v=v1,application/json' },
} as const satisfies Record<string, { form: Form; accept: string }>;

interface Table extends KubeObject {
  readonly rows: readonly { readonly object: KubeObject }[];
}

const endOfState = 'k8s.io/initial-events-end';

/** A frame as the checker knows it; undefined: none of those a watcher goes on after. */
export function seenOf(plural: string, { type, object }: WireFrame): SeenFrame | undefined {
  if (type === 'BOOKMARK') {
    const annotations = rowOf(object)?.metadata.annotations ?? object.metadata.annotations ?? {};
    return { type, revision: Number(object.metadata.resourceVersion), isEnd: annotations[endOfState] === 'true' };
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return undefined;
  const shown = object.kind === 'Table' ? (rowOf(object) as KubeObject) : object;
  return { type, key: keyOfObject(plural, shown), revision: Number(shown.metadata.resourceVersion), object: shown };
}

function rowOf(object: KubeObject): KubeObject | undefined {
  return object.kind === 'Table' ? (object as Table).rows[0]?.object : undefined;
}

import { messageOf } from '@berth/kit';
import { listOptionsOf } from '../list-options.ts';
import { RecentValues } from '../recent-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { notFound, notSupported } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import { selectionOf } from '../selection.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { type Splice, wholeSplice } from '../splice.ts';
import { ObjectCodec, StoredObject } from '../stored-object.ts';

/** A part of the cluster that is looked at when somebody asks; `check` throws with what is wrong. */
export interface ClusterComponent {
  readonly name: string;
  readonly check: () => void | Promise<void>;
  /** Where what is wrong is told; upstream's: of the store as an error, of others as their answer. */
  readonly told: 'message' | 'error';
}

/** GET and LIST of componentstatuses, which are nowhere stored (registry/core/componentstatus). @throws ApiError MethodNotAllowed – a watch. */
export async function componentStatuses(
  components: readonly ClusterComponent[],
  { definition, verb, name }: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  // A parameter asks for it: the collection has a route, and its handler says that it cannot.
  if (verb === 'watch') throw notSupported(definition, verb);
  const codec = new MadeCodec(definition);
  if (verb === 'get') {
    const component = components.find((each) => each.name === name);
    // Upstream's word for it.
    if (!component) throw notFound({ group: '', plural: 'componentstatus' }, name);
    return { type: 'object', status: 200, object: codec.made(await statusOf(component)), definition };
  }
  const selection = selectionOf(definition, listOptionsOf(request.query, 'list'));
  const all = await Promise.all(components.map(statusOf));
  const items = all.filter((status) => selection.matches(status)).map((status) => codec.made(status));
  return { type: 'list', definition, items, metadata: {} };
}

async function statusOf({ name, check, told }: ClusterComponent): Promise<AnyObject> {
  const condition = await Promise.resolve()
    .then(check)
    .then(
      () => ({ type: 'Healthy', status: 'True', message: 'ok' }),
      (error: unknown) => ({ type: 'Healthy', status: 'False', [told]: messageOf(error) }),
    );
  return { metadata: { name }, conditions: [condition] };
}

const encoder = new TextEncoder();

/** Objects that were made for an answer: they have no revision. */
class MadeCodec extends ObjectCodec {
  constructor(definition: ResourceDefinition) {
    super(definition, definition, new RecentValues());
  }

  made(object: AnyObject): StoredObject {
    const { kind } = this.definition;
    const value = encoder.encode(JSON.stringify({ kind, apiVersion: 'v1', ...object }));
    return new StoredObject(this, { key: '', value, createRevision: 0, modRevision: 0 });
  }

  override decode({ value }: StoredObject['kv']): AnyObject {
    return JSON.parse(Buffer.from(value).toString()) as AnyObject;
  }

  override splice({ kv, object }: StoredObject, withKind: boolean): Splice {
    if (withKind) return wholeSplice(kv.value);
    const { kind: _, apiVersion: __, ...item } = object;
    return wholeSplice(encoder.encode(JSON.stringify(item)));
  }
}

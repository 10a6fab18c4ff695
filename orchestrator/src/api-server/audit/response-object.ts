import { apiVersionOf, type KubeObject, type Status } from '@berth/kube';
import { listKindOf } from '../resource-definition.ts';
import type { Answer, AnswerObject } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';

/** What an answer says, where it is an object or a list, or `made` of it; shares its parts. */
export function responseObjectOf(answer: Answer, omitManagedFields: boolean, made?: object): unknown {
  const shown = (object: unknown) => (omitManagedFields ? withoutManagedFields(object) : object);
  if (made) return ofEach(made, shown);
  if (answer.type === 'object') return shown(plainObject(answer.object));
  if (answer.type === 'document') return answer.says;
  if (answer.type !== 'list') return undefined;
  const { definition, metadata, items } = answer;
  const type = { kind: listKindOf(definition), apiVersion: apiVersionOf(definition) };
  // Go has no types for custom objects: each says its own, and their list says where it goes on, even if it does not.
  if (definition.custom)
    return { ...type, metadata: { continue: '', ...metadata }, items: items.map(({ object }) => shown(object)) };
  return { ...type, metadata, items: items.map(({ object }) => shown(withoutType(object))) };
}

/** A table by its rows' objects, a list by its items. */
function ofEach(made: object, shown: (object: unknown) => unknown): unknown {
  if ('rows' in made && Array.isArray(made.rows))
    return { ...made, rows: made.rows.map((row: { object?: unknown }) => ({ ...row, object: shown(row.object) })) };
  if ('items' in made && Array.isArray(made.items)) return { ...made, items: made.items.map(shown) };
  return shown(made);
}

/** What an answer says that is a Status: of a deletion, of an action. */
export function statusOf(answer: Answer): (Partial<Status> & { readonly code: number }) | undefined {
  if (answer.type !== 'object' || answer.object instanceof StoredObject || answer.object.kind !== 'Status')
    return undefined;
  return { code: answer.status, ...answer.object } as Partial<Status> & { code: number };
}

function withoutType({ kind: _, apiVersion: __, ...object }: KubeObject): object {
  return object;
}

export function withoutManagedFields(object: unknown): unknown {
  const isObject = typeof object === 'object' && object !== null && 'metadata' in object;
  if (!isObject) return object;
  const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

function plainObject(object: AnswerObject): unknown {
  return object instanceof StoredObject ? object.object : object;
}

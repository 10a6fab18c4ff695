import type { Status } from '@berth/kube';
import type { FormedAnswer } from '../representation/check-accept.ts';
import { madeText } from '../representation/made-list.ts';
import { listParts, objectValue, type Presentation } from '../representation/represent.ts';
import type { Answer, ListAnswer } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';

/** How its client is shown an answer. */
export type Presented = (answer: FormedAnswer) => Presentation;

/** What an answer says, where it is an object or a list, as its client is shown it; JSON, that of a list made in turns. */
export function responseText(
  answer: Answer,
  omitManagedFields: boolean,
  presented: Presented,
): string | Promise<string> | undefined {
  const shown = (object: unknown) => (omitManagedFields ? withoutManagedFields(object) : object);
  if (answer.type === 'object') {
    const presentation = presented(answer);
    const value = objectValue(answer, presentation);
    return JSON.stringify(presentation.representation.as === undefined ? shown(value) : ofEach(value, shown));
  }
  if (answer.type === 'document') return JSON.stringify(answer.says);
  return answer.type === 'list' ? listText(answer, presented(answer), shown) : undefined;
}

async function listText(
  answer: ListAnswer,
  presentation: Presentation,
  shown: (object: unknown) => unknown,
): Promise<string> {
  // That nobody waits for it any more is no reason to say nothing.
  const { signal } = new AbortController();
  const { made, ...parts } = await listParts(answer, presentation, signal);
  return madeText({ ...parts, made: (from, to) => ofEach(made(from, to), shown), end: '' });
}

/** A table by its rows' objects, a list by its items. */
function ofEach(made: object, shown: (object: unknown) => unknown): object {
  if ('rows' in made && Array.isArray(made.rows))
    return { ...made, rows: made.rows.map((row: { object?: unknown }) => ({ ...row, object: shown(row.object) })) };
  if ('items' in made && Array.isArray(made.items)) return { ...made, items: made.items.map(shown) };
  return shown(made) as object;
}

/** What an answer says that is a Status: of a deletion, of an action. */
export function statusOf(answer: Answer): (Partial<Status> & { readonly code: number }) | undefined {
  if (answer.type !== 'object' || answer.object instanceof StoredObject || answer.object.kind !== 'Status')
    return undefined;
  return { code: answer.status, ...answer.object } as Partial<Status> & { code: number };
}

export function withoutManagedFields(object: unknown): unknown {
  const isObject = typeof object === 'object' && object !== null && 'metadata' in object;
  if (!isObject) return object;
  const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

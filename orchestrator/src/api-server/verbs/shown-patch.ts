import { asWritten, type FieldSchema, goValue, isRecord, keepJsonNotes, type ObjectSchema, schemas } from '@berth/kube';
import type { ParsedPatch } from '../patch-body.ts';
import { allInOrder, goJson, mapInOrder } from '../resources/field.ts';

/** What an answer shows: all of what a patch makes, or the patch where that is merged by type. */
export function shownPatch(patched: unknown, { type, patch }: ParsedPatch): string {
  if (type === 'strategic') return goValue(patch);
  const shown = type === 'json' ? openedInOrder(patched, openedWays(patch)) : mergedInOrder(patched, patch);
  return goJson(shown, asWritten);
}

/** An object as Go marshals it: fields as the structs of `schema` have them, maps by their keys. Others stay as they are. */
export function inGoOrder<T extends object>(object: T, schema: string): T {
  const known = schemas.find(schema);
  return known ? (structInOrder(object as Record<string, unknown>, known) as T) : object;
}

function structInOrder(value: Record<string, unknown>, { fields }: ObjectSchema): Record<string, unknown> {
  const known = [...fields].filter(([name]) => Object.hasOwn(value, name));
  const ordered = known.map(([name, field]) => [name, fieldInOrder(value[name], field)] as const);
  return keepJsonNotes(value, { ...Object.fromEntries(ordered), ...without(value, fields) });
}

function without(value: Record<string, unknown>, fields: ObjectSchema['fields']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !fields.has(name)));
}

function fieldInOrder(value: unknown, { type, struct, element }: FieldSchema): unknown {
  if (element && Array.isArray(value))
    return keepJsonNotes(
      value,
      value.map((each) => fieldInOrder(each, element)),
    );
  if (!isRecord(value)) return value;
  if (struct) return structInOrder(value, struct);
  return type === 'map' && element ? mapInOrder(value, (each) => fieldInOrder(each, element)) : value;
}

/** What a merge patch opened has its members in order, the rest is as it was. */
function mergedInOrder(value: unknown, patch: unknown): unknown {
  if (!isRecord(value) || !isRecord(patch)) return allInOrder(value);
  return mapInOrder(value, (each, name) => (Object.hasOwn(patch, name) ? mergedInOrder(each, patch[name]) : each));
}

type Way = readonly string[];

/** The ways to what a JSON patch opens: all above what it changes. */
function openedWays(operations: readonly unknown[]): Way[] {
  const pointers = operations.flatMap((operation) => {
    const { path, from } = operation as { readonly path?: unknown; readonly from?: unknown };
    return [path, from].filter((each) => typeof each === 'string');
  });
  return pointers.map((pointer) =>
    pointer
      .split('/')
      .slice(1, -1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')),
  );
}

function openedInOrder(value: unknown, ways: readonly Way[]): unknown {
  const open = (each: unknown, name: string) => {
    const further = ways.filter(([first]) => first === name).map((way) => way.slice(1));
    return further.length > 0 ? openedInOrder(each, further) : each;
  };
  if (Array.isArray(value)) return value.map((each, i) => open(each, `${i}`));
  return isRecord(value) ? mapInOrder(value, open) : value;
}

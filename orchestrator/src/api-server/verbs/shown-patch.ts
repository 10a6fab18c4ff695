import { asWritten, goValue, isRecord, keepJsonNotes } from '@berth/kube';
import type { ParsedPatch } from '../patch-body.ts';
import { inOrder } from '../resources/field.ts';

/** What an answer shows: all of what a patch makes, or the patch where that is merged by type. */
export function shownPatch(patched: unknown, { type, patch }: ParsedPatch): string {
  if (type === 'strategic') return goValue(patch);
  const shown = type === 'json' ? openedInOrder(patched, openedWays(patch)) : mergedInOrder(patched, patch);
  return JSON.stringify(shown, asWritten);
}

/** As Go marshals ObjectMeta: what is read here has its resourceVersion last. */
const metaFields = [
  ...['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'],
  ...['deletionTimestamp', 'deletionGracePeriodSeconds', 'labels', 'annotations', 'ownerReferences', 'finalizers'],
  'managedFields',
];

/** An object of a built-in kind with its metadata as Go marshals them. */
export function withMetaInOrder(object: Record<string, unknown>): Record<string, unknown> {
  const { metadata } = object;
  if (!isRecord(metadata)) return object;
  const known = metaFields.filter((name) => Object.hasOwn(metadata, name)).map((name) => [name, metadata[name]]);
  const ordered = { ...Object.fromEntries(known), ...metadata };
  return keepJsonNotes(object, { ...object, metadata: keepJsonNotes(metadata, ordered) });
}

/** As Go marshals maps in maps: a custom resource is nothing else. */
export function allInOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(allInOrder);
  return isRecord(value) ? mapInOrder(value, (each) => allInOrder(each)) : value;
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

function mapInOrder(value: Record<string, unknown>, change: (each: unknown, name: string) => unknown): unknown {
  const changed = Object.entries(value).map(([name, each]) => [name, change(each, name)]);
  return keepJsonNotes(value, inOrder(Object.fromEntries(changed)) as object);
}

import { apiError } from '../api-error.ts';
import { copyAsWritten, equalAsWritten, noteFloatOf } from '../json-notes.ts';
import { isRecord, setOwn, sortMembers } from '../json-value.ts';
import { badPatch, unappliedPatch } from './patch-error.ts';

/** The API server's limit on a client's patch (handlers/patch.go). */
const maxOperations = 10_000;
/** And on what its copies may add, in bytes: copies of copies double. */
const maxCopied = 3 * 1024 * 1024;

/** Some milliseconds. */
const stepOperations = 2000;

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
  /** As it was read. */
  readonly item: object;
}

export type FailedOperation = (operation: unknown, state: unknown) => void;

/**
 * Applies a JSON patch (RFC 6902) to a copy, as json-patch v4 does, which API servers use: a member that is replaced or
 * copied need not be there, and indices may count from the end.
 * @throws ApiError BadRequest – no list of operations; RequestEntityTooLarge; Invalid – an operation does not apply
 */
export function applyJsonPatch(object: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badPatch('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (patch.length > maxOperations) {
    const words = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`;
    throw apiError('RequestEntityTooLarge', `Request entity too large: ${words}`);
  }
  const steps = jsonPatchSteps(object, patch);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/**
 * The same, a step each time it is asked, of as many operations as there are: what comes of it is returned.
 * `failed` hears which operation does not apply, and to what.
 * @throws ApiError Invalid – an operation does not apply
 */
export function* jsonPatchSteps(
  object: unknown,
  patch: readonly unknown[],
  failed?: FailedOperation,
): Generator<void, unknown> {
  let result = structuredClone(object);
  let copied = 0;
  const touched: (readonly string[])[] = [];
  const applyItem = (item: unknown) => {
    const operation = readOperation(item);
    if (operation.op === 'copy') {
      copied += JSON.stringify(copySource(result, operation.from as readonly string[]) ?? null).length;
      if (copied > maxCopied) {
        const words = `Unable to complete the copy, the accumulated size increase of copy is ${copied}, exceeding the limit ${maxCopied}`;
        throw unappliedPatch(words);
      }
    }
    result = applyOperation(result, operation);
    if (operation.op === 'add' || operation.op === 'replace') noteWritten(operation.item, result, operation.path);
    touched.push(operation.path, operation.from ?? []);
  };
  for (const [i, item] of patch.entries()) {
    if (i > 0 && i % stepOperations === 0) yield;
    try {
      applyItem(item);
    } catch (error) {
      failed?.(item, result);
      throw error;
    }
  }
  if (patch.length > stepOperations) yield;
  const sorted = new Set<object>();
  for (const path of touched) sortAlong(result, path, sorted);
  return result;
}

/** What a path leads through is a map to Go from then on, whose members are in order: the first that is wrong is told of. */
function sortAlong(root: unknown, path: readonly string[], sorted: Set<object>): void {
  let value = root;
  for (const segment of path) {
    if (isRecord(value)) {
      if (!sorted.has(value)) sortMembers(value);
      sorted.add(value);
    } else if (!Array.isArray(value)) return;
    value = (value as Record<string, unknown>)[segment];
  }
}

/** Of a member; elements of lists move. */
function noteWritten(item: object, root: unknown, path: readonly string[]): void {
  const last = path.at(-1);
  const parent = last === undefined ? undefined : find(root, path.slice(0, -1));
  if (last !== undefined && isRecord(parent)) noteFloatOf(item, 'value', parent, last);
}

function readOperation(item: unknown): Operation {
  if (item === null) throw unappliedPatch('Unexpected kind: unknown');
  if (!isRecord(item)) throw badPatch('json: cannot unmarshal array into Go value of type jsonpatch.Operation');
  const { op, path, from, value } = item;
  if (typeof op !== 'string') throw unappliedPatch(`Unexpected kind: ${String(op)}`);
  return {
    op,
    path: readPointer(path),
    from: op === 'move' || op === 'copy' ? readPointer(from) : undefined,
    value: value === undefined ? undefined : copyAsWritten(value),
    item,
  };
}

function readPointer(pointer: unknown): string[] {
  // What stands before the first slash says nothing.
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.includes('/'))) {
    throw unappliedPatch(`invalid path ${JSON.stringify(pointer)}`);
  }
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function applyOperation(root: unknown, { op, path, from, value, item }: Operation): unknown {
  switch (op) {
    case 'add':
      return add(root, path, value ?? null);
    case 'remove':
      return remove(root, path);
    case 'replace':
      if (path.length > 0) return replace(root, path, value ?? null);
      if (isRecord(value) || Array.isArray(value)) return value;
      throw unappliedPatch('replace operation value must be object or array');
    case 'move': {
      const source = from as readonly string[];
      if (path.length > source.length && source.every((segment, i) => segment === path[i])) {
        throw unappliedPatch('a value cannot move into itself');
      }
      const moved = find(root, source);
      return add(remove(root, source), path, moved);
    }
    case 'copy':
      return add(root, path, structuredClone(copySource(root, from as readonly string[])));
    case 'test':
      if (!isEqual(root, path, item)) throw unappliedPatch(`testing value /${path.join('/')} failed`);
      return root;
    default:
      throw unappliedPatch(`Unexpected kind: ${op}`);
  }
}

function isEqual(root: unknown, path: readonly string[], tested: object): boolean {
  const value = find(root, path, true);
  const parent = find(root, path.slice(0, -1));
  const name = path.at(-1);
  // Elements of lists move, their notes do not.
  const one = name !== undefined && isRecord(parent) ? { holder: parent, name } : { holder: { value }, name: 'value' };
  return equalAsWritten(one, { holder: tested, name: 'value' });
}

/** The whole document cannot be copied into itself. */
function copySource(root: unknown, from: readonly string[]): unknown {
  if (from.length === 0) throw missing(from);
  return find(root, from, true);
}

/** With `absentIsNull`, the last member of the path need not be there. */
function find(root: unknown, path: readonly string[], absentIsNull = false): unknown {
  let value = root;
  for (const [depth, segment] of path.entries()) {
    if (Array.isArray(value)) value = value[indexOf(segment, value.length, path)];
    else if (isRecord(value) && Object.hasOwn(value, segment)) value = value[segment];
    else if (absentIsNull && isRecord(value) && depth === path.length - 1) return null;
    else throw missing(path);
  }
  return value;
}

/** The object or list that has, or is to have, what the path names; the whole document is in none. */
function parentOf(root: unknown, path: readonly string[]): { parent: unknown; last: string } {
  const last = path.at(-1);
  if (last === undefined) throw missing(path);
  return { parent: find(root, path.slice(0, -1)), last };
}

function add(root: unknown, path: readonly string[], value: unknown): unknown {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : indexOf(last, parent.length + 1, path), 0, value);
  } else if (isRecord(parent)) setOwn(parent, last, value);
  else throw missing(path);
  return root;
}

function replace(root: unknown, path: readonly string[], value: unknown): unknown {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent[indexOf(last, parent.length, path)] = value;
  else if (isRecord(parent)) setOwn(parent, last, value);
  else throw missing(path);
  return root;
}

function remove(root: unknown, path: readonly string[]): unknown {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length, path), 1);
  else if (isRecord(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw missing(path);
  return root;
}

/** As Go's Atoi reads it, of a list of `length`; below zero it counts from the end. */
function indexOf(segment: string, length: number, path: readonly string[]): number {
  const given = /^[+-]?\d{1,15}$/.test(segment) ? Number(segment) : Number.NaN;
  const index = given < 0 ? given + length : given;
  if (index >= 0 && index < length) return index;
  throw missing(path);
}

function missing(path: readonly string[]): Error {
  return unappliedPatch(`the path /${path.join('/')} does not exist`);
}

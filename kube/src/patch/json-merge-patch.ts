import { noteFloatOf } from '../json-notes.ts';
import { isRecord, setOwn, sortMembers } from '../json-value.ts';
import { badPatch } from './patch-error.ts';

/**
 * Applies a JSON merge patch (RFC 7386) without changing either argument, but that objects in lists lose their nulls, too,
 * where no object was before: so does evanphx/json-patch, which upstream has. @throws ApiError BadRequest – the patch is no object
 */
export function applyMergePatch(object: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badPatch('Invalid JSON Patch');
  return merge(object, patch);
}

/** What is merged has its members in order, as Go's maps: the first that is wrong is told of. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return isRecord(target) ? patch : withoutNulls(patch);
  const result: Record<string, unknown> = {};
  const before = isRecord(target) ? target : {};
  for (const [key, value] of Object.entries(before)) setOwn(result, key, value);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else {
      setOwn(result, key, merge(Object.hasOwn(before, key) ? before[key] : undefined, value));
      noteFloatOf(patch, key, result, key);
    }
  }
  sortMembers(result);
  return result;
}

/** What has none is the same value, with all that is known beside it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutNulls(item));
    if (items.every((item, i) => item === value[i])) return value;
    for (const i of items.keys()) noteFloatOf(value, i, items, i);
    return items;
  }
  if (!isRecord(value)) return value;
  const result: Record<string, unknown> = {};
  let isSame = true;
  for (const [key, member] of Object.entries(value)) {
    const kept = withoutNulls(member);
    if (kept !== member || member === null) isSame = false;
    if (member === null) continue;
    setOwn(result, key, kept);
    noteFloatOf(value, key, result, key);
  }
  return isSame ? value : result;
}

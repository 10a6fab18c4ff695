import { noteFloatOf } from '../json-notes.ts';
import { isRecord, setOwn, sortMembers } from '../json-value.ts';
import { badPatch } from './patch-error.ts';

/** Applies a JSON merge patch (RFC 7386) without changing either argument. @throws ApiError BadRequest – the patch is no object */
export function applyMergePatch(object: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badPatch('Invalid JSON Patch');
  return merge(object, patch);
}

/** What is merged has its members in order, as Go's maps: the first that is wrong is told of. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
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

import { apiVersionOf, copyJson } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';

/** An object in another version of its kind; the same one where that is its own. */
export async function inVersion(
  object: AnyObject,
  from: ResourceDefinition,
  to: ResourceDefinition,
): Promise<AnyObject> {
  if (from === to) return object;
  const copy = copyJson(object);
  const stored = from.storedAs ? await from.storedAs.toStored(copy) : copy;
  const converted = to.storedAs ? await to.storedAs.fromStored(stored) : stored;
  return { ...converted, kind: to.kind, apiVersion: apiVersionOf(to) };
}

/** Makes `target` hold what `source` does: whoever has it sees the change. */
export function replaceFields(target: AnyObject, source: AnyObject): void {
  for (const field of Object.keys(target)) delete target[field];
  Object.assign(target, source);
}

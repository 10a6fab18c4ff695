/** JSON merge patch (RFC 7386); lists of objects with a `type` or `name` merge by it where `strategic`. */
export function mergePatch(target: unknown, patch: unknown, strategic = false): unknown {
  if (strategic && Array.isArray(patch) && Array.isArray(target)) return mergeList(target, patch);
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else if (strategic && key === 'finalizers' && Array.isArray(value))
      result[key] = mergeFinalizers(result[key], patch);
    else result[key] = mergePatch(result[key], value, strategic);
  }
  return result;
}

function mergeFinalizers(before: unknown, patch: Record<string, unknown>): unknown {
  const deleted = (patch['$deleteFromPrimitiveList/finalizers'] ?? []) as unknown[];
  const all = new Set([...((before as unknown[]) ?? []), ...(patch['finalizers'] as unknown[])]);
  return [...all].filter((item) => !deleted.includes(item));
}

function mergeList(target: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const keyName = patch.every((item) => isRecord(item) && 'type' in item) ? 'type' : 'name';
  if (!patch.every((item) => isRecord(item) && keyName in item)) return [...patch];
  const result = [...target];
  for (const item of patch as Record<string, unknown>[]) {
    const at = result.findIndex((known) => isRecord(known) && known[keyName] === item[keyName]);
    if (at < 0) result.push(item);
    else if (item['$patch'] === 'delete') result.splice(at, 1);
    else result[at] = mergePatch(result[at], item, true);
  }
  return result;
}

interface JsonPatchStep {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** JSON patch (RFC 6902): add, remove, replace and test. */
export function jsonPatch(target: unknown, steps: readonly JsonPatchStep[]): unknown {
  const result = structuredClone(target);
  for (const step of steps) applyStep(result, step);
  return result;
}

function applyStep(root: unknown, step: JsonPatchStep): void {
  const path = step.path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = path.pop() ?? '';
  const parent = path.reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], root);
  if (Array.isArray(parent)) {
    const at = last === '-' ? parent.length : Number(last);
    if (step.op === 'remove') parent.splice(at, 1);
    else if (step.op === 'add') parent.splice(at, 0, step.value);
    else if (step.op === 'replace') parent[at] = step.value;
    else expectEqual(parent[at], step.value);
    return;
  }
  const record = parent as Record<string, unknown>;
  if (step.op === 'remove') delete record[last];
  else if (step.op === 'test') expectEqual(record[last], step.value);
  else record[last] = step.value;
}

function expectEqual(actual: unknown, wanted: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) throw new Error('the test of a JSON patch failed');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep equality that takes absent, null, empty lists and empty maps for the same (apimachinery equality.Semantic). */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a) && isNothing(b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
    if (!semanticEqual(left[key], right[key])) return false;
  return true;
}

/** Empty maps need no case: the wire form leaves them out. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

import type { ParsedPatch } from './patch-body.ts';

/** Applies a parsed patch to a JSON object of a kind. @throws ApiError */
export function applyPatch(
  patch: ParsedPatch,
  current: Record<string, unknown>,
  _schema: string,
): Record<string, unknown> {
  return mergePatch(current, patch.patch as Record<string, unknown>);
}

function mergePatch(target: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (typeof value === 'object' && !Array.isArray(value)) {
      const base = result[key];
      result[key] = mergePatch(
        typeof base === 'object' && base !== null && !Array.isArray(base) ? (base as Record<string, unknown>) : {},
        value as Record<string, unknown>,
      );
    } else result[key] = value;
  }
  return result;
}

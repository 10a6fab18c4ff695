import { apiError, applyJsonPatch, applyMergePatch, applyStrategicMergePatch, schemas } from '@berth/kube';
import type { ParsedPatch } from './patch-body.ts';

/** Applies a parsed patch to a JSON object of a kind; changes neither. @throws ApiError */
export function applyPatch({ type, patch }: ParsedPatch, current: unknown, schema: string): Record<string, unknown> {
  const patched = apply(type, patch, current, schema);
  if (typeof patched === 'object' && patched !== null && !Array.isArray(patched))
    return patched as Record<string, unknown>;
  throw apiError('Invalid', 'the server rejected our request due to an error in our request', { details: {} });
}

function apply(type: ParsedPatch['type'], patch: unknown, current: unknown, schema: string): unknown {
  switch (type) {
    case 'json':
      return applyJsonPatch(current, patch);
    case 'merge':
      return applyMergePatch(current, patch);
    case 'strategic': {
      const known = schemas.find(schema);
      // Kinds without a built-in schema have no strategic merge (upstream answers the same for custom resources).
      if (!known) throw apiError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
      return applyStrategicMergePatch(current, patch, known);
    }
  }
}

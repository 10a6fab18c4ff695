import { ApiError, goQuote } from '@berth/kube';
import type { FieldError, ResourceDefinition } from './resource-definition.ts';

/**
 * Errors may each quote a whole list, and all of them its square: ten thousand references to controllers a hundred
 * gigabytes. Upstream runs into the request's deadline from thirty megabytes or so on; sending as many here would hold
 * up all others.
 */
const mostCharacters = 2 * 1024 * 1024;

/** The 422 answer to wrong fields, in upstream's form (apimachinery errors.NewInvalid). */
export function invalid(
  definition: Pick<ResourceDefinition, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): ApiError {
  return new ApiError(invalidStatus(definition, name, errors));
}

/**
 * `Kind.group "name" is invalid: …`; several errors stand in brackets, each distinct text once, as an aggregate prints.
 * Where they have more text than anyone reads, the last ones are counted alone.
 */
export function invalidStatus(
  { group, kind }: Pick<ResourceDefinition, 'group' | 'kind'>,
  name: string,
  all: readonly FieldError[],
): ApiError['status'] {
  const qualified = group === '' ? kind : `${kind}.${group}`;
  const errors = readable(all);
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  if (errors.length < all.length) texts.push(`and ${all.length - errors.length} more`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${qualified} ${goQuote(name)} is invalid: ${list}`,
    reason: 'Invalid',
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      ...(kind === '' ? {} : { kind }),
      causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
    },
    code: 422,
  };
}

function readable(errors: readonly FieldError[]): readonly FieldError[] {
  let characters = 0;
  const end = errors.findIndex(({ field, message }) => {
    characters += field.length + message.length;
    return characters > mostCharacters;
  });
  return end < 0 ? errors : errors.slice(0, Math.max(end, 1));
}

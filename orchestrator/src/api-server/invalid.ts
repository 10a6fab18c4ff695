import { ApiError, goQuote } from '@berth/kube';
import type { FieldError, ResourceDefinition } from './resource-definition.ts';

/** The 422 answer to wrong fields, in upstream's form (apimachinery errors.NewInvalid). */
export function invalid(
  definition: Pick<ResourceDefinition, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): ApiError {
  return new ApiError(invalidStatus(definition, name, errors));
}

/** `Kind.group "name" is invalid: …`; several errors stand in brackets, each distinct text once, as an aggregate prints. */
export function invalidStatus(
  { group, kind }: Pick<ResourceDefinition, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): ApiError['status'] {
  const qualified = group === '' ? kind : `${kind}.${group}`;
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
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

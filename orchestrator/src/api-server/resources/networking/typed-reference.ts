import type { FieldError } from '../../resource-definition.ts';
import { invalid, required } from '../field.ts';
import { dns1123Subdomain, pathSegment } from '../names.ts';

interface TypedReference {
  readonly apiGroup?: string;
  readonly kind?: string;
  readonly name?: string;
}

/** An object of any kind, by its name (validateIngressTypedLocalObjectReference, validateIngressClassParametersReference). */
export function typedReferenceErrors(reference: TypedReference, field: string): FieldError[] {
  const { apiGroup } = reference;
  return [
    ...(apiGroup === undefined
      ? []
      : dns1123Subdomain(apiGroup).map((text) => invalid(`${field}.apiGroup`, apiGroup, text))),
    ...(['kind', 'name'] as const).flatMap((name) =>
      reference[name]
        ? pathSegment(reference[name]).map((text) => invalid(`${field}.${name}`, reference[name], text))
        : [required(`${field}.${name}`)],
    ),
  ];
}

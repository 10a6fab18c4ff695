import type { CustomResourceDefinition } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../../resources/field.ts';
import type { Condition } from '../definition/conditions.ts';
import { versionsOf } from '../definition/internal-spec.ts';
import { structuralErrors } from '../schema/structural-errors.ts';
import { formProblem } from '../schema/structural-form.ts';

/** NonStructuralSchema, for definitions that were stored before structure was asked for; undefined: nothing is wrong. */
export function structureCondition({ spec }: CustomResourceDefinition): Condition | undefined {
  const type = 'NonStructuralSchema';
  const errors: FieldError[] = spec.preserveUnknownFields
    ? [invalid('spec.preserveUnknownFields', true, 'must be false')]
    : [];
  for (const [i, { name, schema }] of versionsOf(spec).entries()) {
    if (!schema?.openAPIV3Schema) continue;
    const problem = formProblem(schema.openAPIV3Schema);
    if (problem !== undefined) {
      const message = `failed to check validation schema for version ${name}: ${problem}`;
      return { type, status: 'Unknown', reason: 'StructuralError', message };
    }
    errors.push(...structuralErrors(schema.openAPIV3Schema, `spec.versions[${i}].schema.openAPIV3Schema`));
  }
  if (errors.length === 0) return undefined;
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  const message = texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
  return { type, status: 'True', reason: 'Violations', message };
}

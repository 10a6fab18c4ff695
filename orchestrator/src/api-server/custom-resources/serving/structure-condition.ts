import type { CustomResourceDefinition } from '@berth/kube';
import { breathe } from '../../decoding/large-bodies.ts';
import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../../resources/field.ts';
import type { Condition } from '../definition/conditions.ts';
import { versionsOf } from '../definition/internal-spec.ts';
import { structuralErrorsInSteps } from '../schema/structural-errors.ts';
import { formProblem } from '../schema/structural-form.ts';

/** NonStructuralSchema, for definitions that were stored before structure was asked for; undefined: nothing is wrong. */
export async function structureCondition({ spec }: CustomResourceDefinition): Promise<Condition | undefined> {
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
    // Schemas may be large.
    await breathe();
    const path = `spec.versions[${i}].schema.openAPIV3Schema`;
    errors.push(...(await structuralErrorsInSteps(schema.openAPIV3Schema, path)));
  }
  if (errors.length === 0) return undefined;
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  const message = texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
  return { type, status: 'True', reason: 'Violations', message };
}

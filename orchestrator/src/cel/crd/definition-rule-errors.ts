import type { CustomResourceDefinitionSpec } from '@berth/kube';
import { internalSpec } from '../../api-server/custom-resources/definition/internal-spec.ts';
import { inTurns } from '../../api-server/decoding/in-steps.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { checkingSchemaRules } from './check-schema-rules.ts';
import { defaultRuleErrors } from './default-rule-errors.ts';

/** What is wrong with the rules of a definition's schemas; those that are wrong otherwise (`errors`, or their defaults) are not looked at. */
export async function definitionRuleErrors(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | undefined,
  errors: readonly FieldError[],
): Promise<readonly FieldError[]> {
  const { top, versions } = internalSpec(spec);
  const before = old
    ? [internalSpec(old).top, ...internalSpec(old).versions].flatMap(({ schema }) => schema?.openAPIV3Schema ?? [])
    : [];
  const places = [
    { path: 'spec.validation.openAPIV3Schema', schema: top.schema?.openAPIV3Schema },
    ...versions.map(({ schema }, i) => ({
      path: `spec.versions[${i}].schema.openAPIV3Schema`,
      schema: schema?.openAPIV3Schema,
    })),
  ];
  const found: FieldError[] = [];
  for (const { path, schema } of places) {
    if (!schema || errors.some(({ field }) => field.startsWith(path))) continue;
    const defaults = await defaultRuleErrors(schema, path);
    found.push(...(defaults.length > 0 ? defaults : await inTurns(checkingSchemaRules({ schema, path, before }))));
  }
  return found;
}

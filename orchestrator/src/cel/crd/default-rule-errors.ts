import {
  hasDefault,
  isEmbedded,
  itemsOf,
  type JsonSchema,
} from '../../api-server/custom-resources/schema/json-schema.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child } from '../../api-server/resources/field.ts';
import { compileSchemaRules } from './compile-schema-rules.ts';
import { hasRules } from './rule-node.ts';
import { objectBudget } from './validate-rules.ts';

/**
 * Defaults that break rules of their own schema, as a value that was there before and, where that is well, as one that
 * is new (apiextensions defaulting.ValidateDefaults). Those inside additionalProperties are forbidden anyway.
 */
export async function defaultRuleErrors(schema: JsonSchema, path: string): Promise<readonly FieldError[]> {
  const errors: FieldError[] = [];
  let budget = objectBudget;
  const visit = async (each: JsonSchema, at: string): Promise<void> => {
    if (budget < 0 || !hasRules(each)) return;
    if (hasDefault(each)) {
      const { default: value } = each;
      const rules = await compileSchemaRules(each, each === schema || isEmbedded(each));
      const field = child(at, 'default');
      const before = budget;
      for (const old of [value, undefined]) {
        const verdict = await rules?.validate({
          value,
          ...(old === undefined ? {} : { old }),
          path: field,
          ratchets: false,
          budget: before,
        });
        errors.push(...(verdict?.errors ?? []));
        budget = Math.min(budget, verdict?.budget ?? budget);
        if (verdict && verdict.errors.length > 0) break;
      }
    }
    const items = itemsOf(each);
    if (items) await visit(items, child(at, 'items'));
    for (const [name, property] of Object.entries(each.properties ?? {}))
      await visit(property, `${child(at, 'properties')}[${name}]`);
  };
  await visit(schema, path);
  return errors;
}

import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import type { SchemaRules } from './crd-rules.ts';
import { ruleTree } from './rule-node.ts';
import { RuleRun } from './validate-rules.ts';

/** The rules of a custom resource's schema, ready to run; undefined where it has none. */
export function compileSchemaRules(schema: JsonSchema): SchemaRules | undefined {
  const tree = ruleTree(schema, true);
  return tree && { validate: (input) => new RuleRun(input, Number.POSITIVE_INFINITY).run(tree, input) };
}

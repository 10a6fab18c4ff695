import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { inTurns } from '../../api-server/decoding/in-steps.ts';
import { TooLong } from '../evaluation/cost-meter.ts';
import { evaluateAside, patience } from '../offload/evaluation-thread.ts';
import type { RuleInput, RuleVerdict, SchemaRules } from './crd-rules.ts';
import { ruleTree } from './rule-node.ts';
import { RuleRun } from './validate-rules.ts';

/** The rules of a custom resource's schema, or of a part of it, ready to run; undefined where it has none. */
export async function compileSchemaRules(schema: JsonSchema, isRoot = true): Promise<SchemaRules | undefined> {
  const tree = await inTurns(ruleTree(schema, isRoot));
  if (!tree) return undefined;
  return {
    validate: (input) => {
      const warnings: string[] = [];
      try {
        const verdict = new RuleRun({ ...input, warn: (text) => void warnings.push(text) }, patience).run(tree, input);
        for (const text of warnings) input.warn?.(text);
        return verdict;
      } catch (error) {
        if (error instanceof TooLong) return aside({ schema, isRoot }, input);
        throw error;
      }
    },
  };
}

async function aside(
  of: { readonly schema: JsonSchema; readonly isRoot: boolean },
  { warn, ...input }: RuleInput,
): Promise<RuleVerdict> {
  try {
    const reply = await evaluateAside({ type: 'rules', ...of, input });
    if (reply.type !== 'rules') throw new Error('operation cancelled');
    for (const text of reply.warnings) warn?.(text);
    return reply.verdict;
  } catch (error) {
    const message = `Invalid value: "object": '${(error as Error).message}': no further validation rules will be run`;
    return { errors: [{ reason: 'FieldValueInvalid', field: input.path ?? '<nil>', message }], budget: -1 };
  }
}

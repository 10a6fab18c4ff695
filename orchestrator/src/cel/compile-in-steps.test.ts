import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inTurns } from '../api-server/decoding/in-steps.ts';
import { conditionErrors, policyExpressionErrors } from './admission/check-expressions.ts';
import { mutationExpressionErrors } from './admission/check-mutations.ts';
import { CompiledPolicy } from './admission/compile-policy.ts';
import { typeWarnings } from './admission/type-check-policy.ts';
import { compileSchemaRules } from './crd/compile-schema-rules.ts';

const long = Array(1000).fill('true').join(' && ');
const conditions = Array.from({ length: 20 }, (_, i) => ({ name: `c${i}`, expression: long }));
const variables = conditions.map(({ name, expression }) => ({ name, expression }));
const validations = conditions.map(({ expression }) => ({ expression }));
const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['pods'] };
const pods = { kindsOf: () => [{ group: '', version: 'v1', kind: 'Pod' }], schemaOf: () => ({ type: 'object' }) };

test.each([
  ['a policy', () => inTurns(CompiledPolicy.compiling({ validations }))],
  [
    'the rules of a schema',
    () => compileSchemaRules({ type: 'object', 'x-kubernetes-validations': Array(20).fill({ rule: long }) }),
  ],
  ['a check of match conditions', () => conditionErrors(conditions, 'matchConditions')],
  ['a check of a validating policy', () => policyExpressionErrors('p', { validations })],
  ['a check of a policy’s variables', () => policyExpressionErrors('p', { variables })],
  ['a check of a mutating policy', () => mutationExpressionErrors({ variables, reinvocationPolicy: 'Never' })],
  [
    'a check of a policy’s types',
    () => typeWarnings({ matchConstraints: { resourceRules: [rule] }, validations }, pods),
  ],
])('%s with many long expressions is compiled in turns of the event loop', async (_, compile) => {
  let isDone = false;
  const compiling = compile().finally(() => {
    isDone = true;
  });
  let turns = 0;
  for (; !isDone; turns++) await setImmediate();
  expect(await compiling).toBeDefined();
  // No two of them in one.
  expect(turns).toBeGreaterThanOrEqual(20);
});

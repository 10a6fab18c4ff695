import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CompiledPolicy } from './admission/compile-policy.ts';
import { compileSchemaRules } from './crd/compile-schema-rules.ts';
import { inTurns } from './in-steps.ts';

const long = Array(1000).fill('true').join(' && ');

test.each([
  ['a policy', () => inTurns(CompiledPolicy.compiling({ validations: Array(20).fill({ expression: long }) }))],
  [
    'the rules of a schema',
    () => compileSchemaRules({ type: 'object', 'x-kubernetes-validations': Array(20).fill({ rule: long }) }),
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

import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { JsonSchema } from './json-schema.ts';
import { structuralErrors, structuralErrorsInSteps } from './structural-errors.ts';

test('a large schema is looked at in steps, and others are served in between', async () => {
  const wrong: JsonSchema = { type: 'array' };
  const wide = (count: number, each: (i: number) => JsonSchema): JsonSchema => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, each(i)])),
  });
  const schema = wide(100, (i) => (i % 10 === 0 ? wrong : wide(100, (j) => (j === 50 ? {} : { type: 'string' }))));
  let [turns, isOver] = [0, false];
  const counting = (async () => {
    for (; !isOver; turns++) await setImmediate();
  })();
  const errors = await structuralErrorsInSteps(schema, 'root');
  isOver = true;
  await counting;
  expect(turns).toBeGreaterThanOrEqual(4);
  expect(errors).toEqual(structuralErrors(schema, 'root'));
  expect(errors).toHaveLength(10 + 90);
});

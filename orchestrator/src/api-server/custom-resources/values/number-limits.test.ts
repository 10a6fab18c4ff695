import { expect, test } from 'vitest';
import type { JsonSchema } from '../schema/json-schema.ts';
import { numberResult } from './number-limits.ts';

/** Words are kube-openapi's, which compares whole values with whole limits and prints each as Go does. */
test.each<[JsonSchema, number, string]>([
  [{ type: 'integer', maximum: 2_000_000 }, 3_000_000, 'should be less than or equal to 2000000'],
  [{ type: 'number', maximum: 2_000_000 }, 3_000_000.5, 'should be less than or equal to 2e+06'],
  [{ type: 'number', minimum: 0.00001, exclusiveMinimum: true }, 0.000001, 'should be greater than 1e-05'],
  [{ type: 'number', multipleOf: 2.5 }, 1.5, 'should be a multiple of 2.5'],
  [{ type: 'number', multipleOf: 2.5 }, 3, 'should be a multiple of 2'],
])('of a number by %j, %d is told: %s', (schema, value, words) => {
  const [failure] = numberResult(schema, value, 'spec.x').failures;
  expect(failure?.message).toMatch(new RegExp(`${words.replace(/[+.]/g, '\\$&')}$`));
});

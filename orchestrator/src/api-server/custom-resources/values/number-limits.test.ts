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
  const [failure] = numberResult(schema, { value, path: 'spec.x' }).failures;
  expect(failure?.message).toMatch(new RegExp(`${words.replace(/[+.]/g, '\\$&')}$`));
});

/** swag.IsFloat64AJSONInteger, asked of a kube-apiserver. */
test.each([
  [{ type: 'number', multipleOf: 0.5 }, 5e-324, false],
  [{ type: 'number', multipleOf: 0.5 }, 1e-7, false],
  [{ type: 'number', multipleOf: 0.5 }, 2 ** 63, false],
  [{ type: 'number', multipleOf: 0.1 }, 4.35, false],
  [{ type: 'number', multipleOf: 0.1 }, 0.3, true],
  [{ type: 'number', multipleOf: 2.5 }, 7.5, true],
  [{ type: 'integer', multipleOf: 3 }, 2n ** 62n, false],
])('by %j, %d is good: %s', (schema, value, isGood) => {
  expect(numberResult(schema as JsonSchema, { value, path: 'spec.x' }).isValid).toBe(isGood);
});

test('a float beyond 64 bits is no integer, also where it is the number that the least integer is', () => {
  const words = (value: number | bigint) =>
    numberResult({ type: 'integer' }, { value, path: 'x' }).failures.map(({ message }) => message);
  expect(words(-(2n ** 63n))).toEqual([]);
  expect(words(-(2 ** 63))).toEqual(['Checked value must be of type integer (default format) in x']);
});

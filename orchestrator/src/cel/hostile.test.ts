import { expect, test } from 'vitest';
import { compileSchemaRules } from './crd/compile-schema-rules.ts';
import type { RuleVerdict } from './crd/crd-rules.ts';
import { Environment } from './environment.ts';
import { CostExceeded, CostMeter, TooLong } from './evaluation/cost-meter.ts';
import { dynType, intType, listOf, stringType } from './language/cel-type.ts';
import { patience } from './offload/evaluation-thread.ts';
import { CelError } from './values/cel-error.ts';
import { jsonValue } from './values/json-value.ts';

const numbers = Array.from({ length: 2000 }, (_, i) => i);
const values: Readonly<Record<string, unknown>> = {
  l: numbers,
  s: 'a'.repeat(3_000_000),
  o: { items: numbers.map((v) => ({ name: `n${v}`, v })) },
};
const environment = new Environment({ variables: { l: listOf(intType), s: stringType, o: dynType } });

function ends(text: string, meter: CostMeter): string {
  const compiled = environment.compile(text);
  if (compiled.type === 'invalid') return compiled.message;
  try {
    const { result } = compiled.program.evaluate((name) => jsonValue(values[name]), meter);
    return result instanceof CelError ? 'error' : 'done';
  } catch (error) {
    if (error instanceof TooLong) return 'too long';
    if (error instanceof CostExceeded) return 'too expensive';
    throw error;
  }
}

const bombs = [
  'l.all(x, l.all(y, l.all(z, x + y + z >= 0)))',
  "s.matches('((a|aa)*)*b')",
  "s.find('(a|aa)*b') == ''",
  "s.replace('a', s).size() > 0",
  "s.replace('', s).size() > 0",
  "l.map(x, s).join('').size() > 0",
  "'%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s'.format(l.map(x, s)).size() > 0",
  'l.map(x, l).flatten().map(y, [y, y]).flatten().distinct().size() > 0',
  'lists.range(9223372036854775807).size() > 0',
  'l.all(x, o == o && o.items == o.items)',
  'l.map(x, {x: l.map(y, {y: l})}).size() > 0',
  'sets.equivalent(o.items, o.items)',
  'l.all(x, google.protobuf.Struct{fields: o}.size() > 0)',
];

test('bombs are broken off before the event loop would stand still, or are too expensive at once', () => {
  for (const text of bombs) expect([text, ends(text, new CostMeter(1_000_000, patience))]).not.toContain('done');
});

test('what costs next to nothing takes next to nothing, however long the string', () => {
  const cheap = [
    'l.all(x, s.size() > 1)',
    "l.all(x, s.charAt(5) == 'a')",
    'l.all(x, duration(s) > duration("1s") || true)',
    'l.all(x, timestamp(s) != timestamp(0) || true)',
    'l.all(x, int(s) > 0 || true)',
    'l.all(x, double(s) > 0.0 || true)',
  ];
  for (const text of cheap) expect([text, ends(text, new CostMeter(1_000_000, patience))]).toEqual([text, 'done']);
});

test('deep and long expressions are refused, not followed', () => {
  expect(ends('('.repeat(300) + '1' + ')'.repeat(300), new CostMeter(1))).toMatch(/recursion limit exceeded: 250/);
  expect(ends('-'.repeat(99_999) + '1', new CostMeter(1))).toBe('done');
  expect(ends(`'${'x'.repeat(100_001)}'`, new CostMeter(1))).toMatch(
    /code point size exceeds limit: size: 100003, limit 100000/,
  );
  expect(ends(`${'a.'.repeat(40_000)}b`, new CostMeter(1))).toMatch(/recursion/);
  expect(ends(`1${' + 1'.repeat(20_000)}`, new CostMeter(1))).toMatch(/recursion/);
});

test('rules that take long are evaluated beside the event loop, with the same verdict', async () => {
  const rules = await compileSchemaRules({
    type: 'object',
    properties: {
      list: {
        type: 'array',
        items: { type: 'integer' },
        'x-kubernetes-validations': [
          { rule: 'self.all(x, self.exists(y, y == x))', message: 'cannot be' },
          { rule: 'self.size() < 3' },
        ],
      },
    },
  });
  const pending = rules?.validate({ value: { list: numbers.slice(0, 300) } });
  expect(pending).toBeInstanceOf(Promise);
  const { errors, budget } = (await pending) as RuleVerdict;
  expect(errors).toEqual([
    { reason: 'FieldValueInvalid', field: 'list', message: 'Invalid value: failed rule: self.size() < 3' },
  ]);
  expect(budget).toBeGreaterThan(9_000_000);
});

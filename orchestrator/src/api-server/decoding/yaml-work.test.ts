import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { doYamlWork, repeatedKeys, yamlValue } from './yaml-work.ts';

function outcome(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch (error) {
    return { why: (error as Error).message };
  }
}

test('texts mean, and are refused, as the library has it', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    ': ',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '? ',
    '1',
    '"1"',
    'null',
    '<<',
    '&x ',
    '*x',
    '!!str ',
    '~',
  );
  const text = fc.array(piece, { maxLength: 25 }).map((all) => all.join(''));
  const options = { maxAliasCount: 100, merge: true, logLevel: 'error' } as const;
  fc.assert(
    fc.property(text, (yaml) => {
      expect(outcome(() => yamlValue(yaml))).toEqual(outcome(() => parse(yaml, options)));
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});

test('keys are told apart without each being compared with each', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `k${i}: a\n`).join('');
  const cost = (count: number) => {
    const text = lines(count);
    const before = process.threadCpuUsage();
    yamlValue(text);
    expect(repeatedKeys(text)).toBeUndefined();
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };
  cost(1000);
  expect(cost(16_000)).toBeLessThan(cost(2000) * 32);
});

test('integers are read and written as JSON’s are', () => {
  const text = 'a: 9007199254740993\nb: [0x7fffffffffffffff, 9223372036854775808, -3, 0.5]\n';
  const json = '{"a":9007199254740993,"b":[9223372036854775807,9223372036854776000,-3,0.5]}';
  expect(yamlValue(text)).toEqual({ a: 9007199254740993n, b: [2n ** 63n - 1n, 2 ** 63, -3, 0.5] });
  expect(yamlValue(`a: ${'9'.repeat(400)}`)).toEqual({ a: '9'.repeat(400) });
  expect(doYamlWork({ text, lenient: true })).toEqual({ json, repeated: undefined });
  expect(doYamlWork({ json: '{"a":9007199254740993,"b":1}' })).toEqual({ text: 'a: 9007199254740993\nb: 1\n' });
});

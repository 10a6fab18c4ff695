import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BeyondBudget } from './yaml-decoder.ts';
import { readDocument } from './yaml-document.ts';
import { doYamlWork, yamlValue } from './yaml-work.ts';

/** What sigs.k8s.io/yaml 1.6.0 (YAMLToJSON, YAMLToJSONStrict) made of each text: its JSON, why there is none, what is twice. */
type Recorded = readonly [text: string, json: string | null, why: string | null, twice?: readonly string[]];

const file = new URL('../../../../test/golden/yaml-documents.json', import.meta.url);
const recorded = JSON.parse(readFileSync(file, 'utf8')) as readonly Recorded[];

test('documents are read, and refused, as Go’s reader does', () => {
  const ours = recorded.map(([text]): Recorded => {
    try {
      const { value, repeated } = readDocument(text);
      const json = JSON.stringify(value ?? null);
      return repeated.length > 0 ? [text, json, null, repeated] : [text, json, null];
    } catch (error) {
      return [text, null, (error as Error).message];
    }
  });
  expect(ours).toEqual(recorded);
});

test('whatever a text is, it is read or refused with words', () => {
  const pieces =
    'a b|: |\n|  |- |{|}|[|]|, |? |1|"1"|null|<<|&x |*x|!!str |~|"|\'|#|>|\t|---|%|@|\\|: &x|<<: *x|!'.split('|');
  const text = fc.array(fc.constantFrom('|', ...pieces), { maxLength: 25 }).map((all) => all.join(''));
  fc.assert(
    fc.property(text, (yaml) => {
      try {
        JSON.stringify(readDocument(yaml).value);
      } catch (error) {
        expect((error as Error).message).toMatch(/^(?:yaml: |unsupported map key of type: )/);
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});

test('what aliases make of a text is counted before it is made', () => {
  const list = (name: string, item: string, size: number) =>
    `${name}: &${name} [${Array(size).fill(item).join(', ')}]\n`;
  const much = list('a', 'x', 100) + list('b', '*a', 60);
  expect((readDocument(much).value as Record<string, unknown[]>)['b']?.flat()).toHaveLength(6000);
  expect(() => readDocument(much, 5000)).toThrow(BeyondBudget);
  const bomb = much + list('c', '*b', 9) + list('d', '*c', 9) + list('e', '*d', 9) + list('f', '*e', 9);
  expect(() => readDocument(bomb)).toThrow('yaml: document contains excessive aliasing');
});

test.each([
  ['\t', ''],
  ['\t# x', ''],
  [' \ta: b', ''],
  ['\ufeff\t', ''],
  ['\n\t', 'line 2: '],
  ['# x\n\n \t\n', 'line 3: '],
])('%j begins with a tab', (text, line) => {
  expect(() => readDocument(text)).toThrow(`yaml: ${line}found character that cannot start any token`);
});

test('what nests too deep is refused before it is parsed, and what only looks so is read', () => {
  const cost = (text: string) => {
    const before = process.threadCpuUsage();
    expect(() => readDocument(text)).toThrow('yaml: line 2: exceeded max depth of 10000');
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };
  const reading = process.threadCpuUsage();
  readDocument(Array.from({ length: 5000 }, (_, i) => `k${i}: a`).join('\n'));
  const { user, system } = process.threadCpuUsage(reading);
  for (const part of ['[', '{a: ', '- ', '? '])
    expect(cost(`a:\n  ${part.repeat(700_000)}`)).toBeLessThan(2 * (user + system));
  const texts = [
    `a: "${'['.repeat(2000)}"`,
    `a: |\n${'  [\n'.repeat(2000)}`,
    `a: b${'['.repeat(2000)}`,
    '- [a]\n'.repeat(2000),
    '- - a\n'.repeat(2000),
  ];
  for (const text of texts) expect(() => readDocument(text)).not.toThrow();
});

test('keys are told apart without each being compared with each', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `k${i}: a\n`).join('');
  const cost = (count: number) => {
    const text = lines(count);
    const before = process.threadCpuUsage();
    yamlValue(text);
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
  expect(doYamlWork({ text })).toEqual({ json, repeated: [] });
  expect(doYamlWork({ json: '{"a":9007199254740993,"b":1}' })).toEqual({ text: 'a: 9007199254740993\nb: 1\n' });
});

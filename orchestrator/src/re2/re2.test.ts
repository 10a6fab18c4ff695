import { expect, test } from 'vitest';
import { parseRe2 } from './parse-re2.ts';
import { compileProgram, sizeOf } from './program.ts';
import { Re2 } from './re2.ts';

const answers: readonly [pattern: string, text: string, matches: boolean][] = [
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'my-name', true],
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'my-name-', false],
  ['b', 'abc', true],
  ['^b', 'abc', false],
  ['^$', '', true],
  ['^(\\d+|\\d+%)$', '20%', true],
  ['^(\\d+|\\d+%)$', '%', false],
  ['^.$', '\n', false],
  ['(?s)^.$', '\n', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['(?i)^HeLLo$', 'hEllO', true],
  ['^(?i:a)b$', 'Ab', true],
  ['^(?i:a)b$', 'AB', false],
  ['\\bfoo\\b', 'a foo b', true],
  ['\\bfoo\\b', 'afoo', false],
  ['^\\p{Greek}+$', 'αβγ', true],
  ['^\\P{Greek}+$', 'αβγ', false],
  ['^[^\\p{L}]$', '1', true],
  ['^[[:alpha:]_]+$', 'a_B', true],
  ['^[[:^alpha:]]+$', '12', true],
  ['^\\x{1F600}$', '😀', true],
  ['^.$', '😀', true],
  ['^a{2,3}$', 'aaaa', false],
  ['^a{2,3}$', 'aaa', true],
  ['^a{,3}$', 'a{,3}', true],
  ['^[]a]+$', ']a', true],
  ['^[a\\-z]+$', 'a-z', true],
  ['^\\Qa.b*\\E$', 'a.b*', true],
  ['^(?P<year>\\d{4})-(?<month>\\d\\d)$', '2026-11', true],
  ['a|^b$|c$', 'xxc', true],
  ['^(?:a|b|)c$', 'c', true],
  ['\\A\\d+\\z', '123', true],
  ['x*', '', true],
];

for (const [pattern, text, matches] of answers)
  test(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    const compiled = new Re2(pattern);
    expect(compiled.test(text)).toBe(matches);
    // States that are known already answer the same.
    expect(compiled.test(text)).toBe(matches);
  });

const refused: readonly [pattern: string, message: string][] = [
  ['(', 'missing closing ): `(`'],
  ['a)', 'unexpected ): `a)`'],
  ['[a', 'missing closing ]: `[a`'],
  ['*', 'missing argument to repetition operator: `*`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(?<!a)', 'invalid named capture: `(?<!a)`'],
  ['\\1', 'invalid escape sequence: `\\1`'],
  ['\\', 'trailing backslash at end of expression: ``'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['((a{100}){100}){100}', 'invalid repeat count: `{100}`'],
  ['\\pX', 'invalid character class range: `\\pX`'],
  ['(?i', 'missing closing ): `(?i`'],
];

for (const [pattern, message] of refused)
  test(`${pattern} is refused in Go's words`, () => {
    expect(() => new Re2(pattern)).toThrow(`error parsing regexp: ${message}`);
  });

const bombs: readonly [pattern: string, text: string][] = [
  ['^(a+)+$', `${'a'.repeat(100_000)}!`],
  ['(x+x+)+y', 'x'.repeat(100_000)],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(100_000)],
  ['(a?){500}a{500}', 'a'.repeat(500)],
  ['(.*)*\\b$', `${'ab '.repeat(30_000)}`],
  ['[^x]*x[^x]{1,1000}y', 'x'.repeat(20_000)],
];

for (const [pattern, text] of bombs)
  test(`${pattern} on ${text.length} characters ends soon`, () => {
    const compiled = new Re2(pattern);
    const began = process.threadCpuUsage();
    try {
      compiled.test(text);
    } catch (error) {
      expect((error as Error).message).toBe('the regular expression takes too long on this text');
    }
    // Far above what it takes, far below what a backtracking engine would.
    const { user, system } = process.threadCpuUsage(began);
    expect(user + system).toBeLessThan(1_000_000);
  });

test('nested groups of any depth are refused instead of overflowing the stack', () => {
  expect(() => new Re2('('.repeat(50_000))).toThrow('expression nests too deeply');
});

test('a program is as large as it is said to be, and refused before it is made', () => {
  const sizes = ['', 'a', '(a|bc|)d', '(?:a{2,5}b*)+', '^x{0,3}(y|z)?$', 'a{7,}'];
  for (const pattern of sizes) expect(sizeOf(parseRe2(pattern))).toBe(compileProgram(parseRe2(pattern)).length - 1);
  expect(() => new Re2('a{1000}'.repeat(51))).toThrow('expression too large');
  expect(() => new Re2('a{1000}'.repeat(49))).not.toThrow();
});

test('a pattern costs what it is long, until it is matched', () => {
  const patterns = (pattern: string) => {
    const before = process.threadCpuUsage();
    for (let i = 0; i < 2000; i++) new Re2(pattern);
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };
  patterns('(a{1,30}){1,30}');
  expect(patterns('(a{1,30}){1,30}')).toBeLessThan(5 * patterns('(a{1,2}b){1,3}'));
});

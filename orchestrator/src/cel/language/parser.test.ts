import { expect, test } from 'vitest';
import { parse } from './parser.ts';
import { displayIssues } from './source.ts';
import { beginningsOr } from './vocabulary.ts';

// ANTLR's words, as cel-go shows them.
test.each<readonly [text: string, ...issues: readonly string[]]>([
  ['a +', `1:4: mismatched input '<EOF>' expecting ${beginningsOr()}`],
  ['+ a', `1:1: extraneous input '+' expecting ${beginningsOr()}`],
  ['a = 1', "1:3: token recognition error at: '= '", "1:5: extraneous input '1' expecting <EOF>"],
  ['a and b', "1:3: mismatched input 'and' expecting <EOF>"],
  ['(a == 1', "1:8: missing ')' at '<EOF>'"],
  ['a == 1)', "1:7: extraneous input ')' expecting <EOF>"],
  ['f(a b)', "1:5: extraneous input 'b' expecting ')'"],
  ['f(a,)', `1:5: mismatched input ')' expecting ${beginningsOr()}`],
  ['f(', `1:3: mismatched input '<EOF>' expecting ${beginningsOr([')'])}`],
  ['[1,,2]', "1:4: mismatched input ',' expecting ']'"],
  ['[1 2]', "1:4: extraneous input '2' expecting {']', ','}"],
  ['{"a" 1}', "1:6: missing ':' at '1'"],
  ['a ? : 2', `1:5: extraneous input ':' expecting ${beginningsOr()}`, "1:8: mismatched input '<EOF>' expecting ':'"],
  ['a.in', "1:3: no viable alternative at input '.in'", `1:5: mismatched input '<EOF>' expecting ${beginningsOr()}`],
])('%s is told to be wrong where it is', (text, ...wanted) => {
  const parsed = parse(text, new Map());
  const shown = parsed.type === 'invalid' ? displayIssues(text, parsed.issues) : '';
  const heads = [...shown.matchAll(/ERROR: <input>:(\d+:\d+): Syntax error: (.*)/g)];
  expect(heads.map(([, place, message]) => `${place}: ${message}`)).toEqual(wanted);
});

test('what breaks off a thousand times is told, and soon', () => {
  for (const text of [
    'f('.repeat(200) + '% '.repeat(40_000),
    '['.repeat(249) + ') '.repeat(40_000),
    '!) '.repeat(30_000),
  ])
    expect(parse(text, new Map())).toMatchObject({ type: 'invalid' });
});

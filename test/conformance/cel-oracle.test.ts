import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { Environment, type Program } from '../../orchestrator/src/cel/environment.ts';
import { dynType, intType, listOf, mapOf, stringType } from '../../orchestrator/src/cel/language/cel-type.ts';
import { CelError } from '../../orchestrator/src/cel/values/cel-error.ts';
import { jsonValue } from '../../orchestrator/src/cel/values/json-value.ts';
import type { Result } from '../../orchestrator/src/cel/values/value.ts';
import { type CelAnswer, CelOracle, specExpressions } from '../harness/cel-oracle.ts';
import { expressions, variables } from './cel-expressions.ts';
import { mistakes } from './cel-mistakes.ts';

const oracle = new CelOracle();
afterAll(() => oracle[Symbol.dispose]());

const environment = new Environment({
  variables: { object: dynType, s: stringType, i: intType, l: listOf(intType), m: mapOf(stringType, dynType) },
});

/** What ours says, in the oracle's form. */
function ours(expression: string): Partial<CelAnswer> {
  const compiled = environment.compile(expression);
  if (compiled.type === 'invalid') return { compile: compiled.message };
  const { program } = compiled;
  const { min, max } = program.estimate();
  const known = { type: program.outputType.declaredName, min: String(min), max: String(max) };
  const plan = program.planError();
  return plan === undefined ? { ...known, ...evaluated(program) } : { ...known, plan };
}

function evaluated(program: Program): Partial<CelAnswer> {
  try {
    const values: Readonly<Record<string, unknown>> = variables;
    const { result, cost } = program.evaluate((name) => (name in values ? jsonValue(values[name]) : undefined));
    return { cost, ...outcome(result) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function outcome(result: Result): Partial<CelAnswer> {
  if (result instanceof CelError) return { error: result.message };
  if (typeof result === 'bigint') return { value: String(result) };
  return typeof result === 'string' || typeof result === 'boolean' ? { value: result } : {};
}

/** What was not run has no cost, and what was broken off none that matters; lists of types print with other spaces. */
function comparable({ cost, type, ...rest }: Partial<CelAnswer>): Partial<CelAnswer> {
  const free = { ...rest, ...(type === undefined ? {} : { type: type.replaceAll(' ', '') }) };
  const broken = rest.compile !== undefined || rest.plan !== undefined || rest.error?.startsWith('operation cancelled');
  return broken ? free : { ...free, cost: cost ?? 0 };
}

async function differences(list: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const expression of list) {
    const theirs = JSON.stringify(sorted(comparable(await oracle.ask({ expression, variables }))));
    const own = JSON.stringify(sorted(comparable(ours(expression))));
    if (own !== theirs) found.push(`${expression}\n  theirs ${theirs}\n  ours   ${own}`);
  }
  return found;
}

function sorted(answer: object): object {
  return Object.fromEntries(Object.entries(answer).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('expressions of every kind get upstream’s types, values, errors, costs and estimates', async () => {
  expect(await differences(expressions)).toEqual([]);
});

test('every function of the libraries, asked rightly and wrongly, answers as upstream’s', async () => {
  const lines = readFileSync(new URL('cel-libraries.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  expect(await differences(lines)).toEqual([]);
});

test('mistakes are told in upstream’s words, where it finds them', async () => {
  expect(await differences(mistakes)).toEqual([]);
});

test('cel-spec’s expressions get upstream’s answers', async () => {
  const list = specExpressions().filter((expression) => !differing.some((pattern) => pattern.test(expression)));
  expect(list.length).toBeGreaterThan(800);
  expect(await differences(list)).toEqual([]);
});

/** Upstream goes through maps in any order, which shows in the cost of a loop that ends early. */
const differing = [/^\{[^}]*,[^}]*\}\.(all|exists|exists_one|existsOne|transform\w*)\(/];

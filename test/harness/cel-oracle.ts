import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GoOracle, oracleSource } from './go-oracle.ts';
import { goProgram } from './go-toolchain.ts';

export interface CelQuestion {
  readonly expression: string;
  /** `object`, `s`, `i`, `l` and `m`. */
  readonly variables: object;
}

export interface CelAnswer {
  /** What the checker complains of. */
  readonly compile?: string;
  readonly type?: string;
  /** What it is estimated to cost, without knowing how large anything is. */
  readonly min?: string;
  readonly max?: string;
  /** Why it cannot be made a program. */
  readonly plan?: string;
  readonly error?: string;
  /** Where it is an integer (as text), a string or a boolean. */
  readonly value?: string | boolean;
  readonly cost: number;
}

/** Kubernetes' own CEL (cel-go with its libraries and costs), in a process of its own. */
export class CelOracle extends GoOracle<CelQuestion, CelAnswer> {
  constructor() {
    super('cel-oracle');
  }
}

/** The expressions of cel-spec's conformance tests that need no protobuf, from the module that has them. */
export function specExpressions(): readonly string[] {
  const list = ['list', '-mod=mod', '-m', '-f', '{{.Dir}}', 'cel.dev/expr'];
  execFileSync(goProgram(), ['mod', 'download', 'cel.dev/expr'], { cwd: oracleSource('cel-oracle') });
  const folder = execFileSync(goProgram(), list, { cwd: oracleSource('cel-oracle'), encoding: 'utf8' }).trim();
  const data = join(folder, 'tests/simple/testdata');
  const texts = specFiles.map((name) => readFileSync(join(data, `${name}.textproto`), 'utf8'));
  return texts.flatMap((text) =>
    [...text.matchAll(/^\s*expr:\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*$/gm)].flatMap(unquoted),
  );
}

const specFiles =
  'basic comparisons conversions fp_math integer_math lists logic macros macros2 optionals parse string string_ext timestamps type_deduction'.split(
    ' ',
  );

/** None where it speaks of protobuf, or is written with escapes of textproto's own. */
function unquoted([, literal = '']: RegExpMatchArray): readonly string[] {
  if (/TestAllTypes|google\.|\\[0-9xuUabfv]/.test(literal)) return [];
  const text = literal.slice(1, -1).replace(/\\(.)/g, (_, character: string) => escapes[character] ?? character);
  return text.includes('\n') ? [] : [text];
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { goProgram } from './go-toolchain.ts';

const source = join(import.meta.dirname, 'cel-oracle');

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
export class CelOracle implements Disposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    this.#child = spawn(build(), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.resume();
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
  }

  ask(question: CelQuestion): Promise<CelAnswer> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return promise.then((line) => JSON.parse(line) as CelAnswer);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** The expressions of cel-spec's conformance tests that need no protobuf, from the module that has them. */
export function specExpressions(): readonly string[] {
  const list = ['list', '-mod=mod', '-m', '-f', '{{.Dir}}', 'cel.dev/expr'];
  execFileSync(goProgram(), ['mod', 'download', 'cel.dev/expr'], { cwd: source });
  const folder = execFileSync(goProgram(), list, { cwd: source, encoding: 'utf8' }).trim();
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

/** Built once for each state of its source; versions are pinned by go.mod and go.sum beside it. */
function build(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(source).sort()) hash.update(name).update(readFileSync(join(source, name)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'cel-oracle');
  const program = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  const folder = mkdtempSync(join(tmpdir(), 'berth-cel-oracle-'));
  try {
    cpSync(source, folder, { recursive: true });
    execFileSync(goProgram(), ['build', '-trimpath', '-ldflags=-s -w', '-o', 'oracle', '.'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    mkdirSync(cache, { recursive: true });
    cpSync(join(folder, 'oracle'), `${program}.new`);
    renameSync(`${program}.new`, program);
    return program;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

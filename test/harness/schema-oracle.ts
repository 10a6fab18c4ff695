import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { goProgram } from './go-toolchain.ts';

const source = join(import.meta.dirname, 'schema-oracle');

export interface SchemaQuestion {
  /** Is it a good CustomResourceDefinition? */
  readonly definition?: object;
  /** Is `object` one by this schema, in place of `old` where there is one? */
  readonly schema?: object;
  readonly object?: unknown;
  readonly old?: unknown;
}

export interface SchemaAnswer {
  readonly errors?: readonly { readonly field: string; readonly message: string; readonly reason: string }[] | null;
  readonly pruned?: readonly string[];
  /** Pruned and filled with defaults. */
  readonly object?: unknown;
  readonly failure?: string;
}

/** Kubernetes' own apiextensions code, in a process of its own. */
export class SchemaOracle implements Disposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    this.#child = spawn(build(), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.resume();
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
  }

  ask(question: SchemaQuestion): Promise<SchemaAnswer> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return promise.then((line) => JSON.parse(line) as SchemaAnswer);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Built once for each state of its source; versions are pinned by go.mod and go.sum beside it. */
function build(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(source).sort()) hash.update(name).update(readFileSync(join(source, name)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'schema-oracle');
  const program = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  const folder = mkdtempSync(join(tmpdir(), 'berth-schema-oracle-'));
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

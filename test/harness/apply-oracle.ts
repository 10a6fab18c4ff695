import { type ChildProcessWithoutNullStreams, type ExecFileSyncOptions, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { goProgram } from './go-toolchain.ts';

const source = join(import.meta.dirname, 'apply-oracle');

/** One write of an object's history. */
export interface OracleStep {
  readonly op: 'update' | 'apply';
  readonly manager: string;
  readonly force?: boolean;
  readonly subresource?: string;
  readonly object: unknown;
}

export interface OracleQuestion {
  readonly op: 'builtin' | 'custom' | 'strategic' | 'fields';
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly steps?: readonly OracleStep[];
  /** Fields that an endpoint does not write, by subresource. */
  readonly reset?: Readonly<Record<string, readonly string[]>>;
  /** Of a custom resource. */
  readonly schema?: unknown;
  readonly preserve?: boolean;
  readonly original?: unknown;
  readonly patch?: unknown;
  readonly fields?: unknown;
}

export interface OracleAnswer {
  readonly object?: unknown;
  readonly error?: string;
  readonly answers?: readonly OracleAnswer[];
}

/** Kubernetes' own managedfields, structured-merge-diff and strategicpatch, in a process of their own. */
export class ApplyOracle implements Disposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    this.#child = spawn(buildOracle(), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.resume();
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
  }

  ask(question: OracleQuestion): Promise<OracleAnswer> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return promise.then((line) => JSON.parse(line) as OracleAnswer);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Builds it once for each state of its source; versions are pinned by go.mod and go.sum beside it. */
function buildOracle(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(source).sort()) hash.update(name).update(readFileSync(join(source, name)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'apply-oracle');
  const program = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  const folder = mkdtempSync(join(tmpdir(), 'berth-apply-oracle-'));
  try {
    cpSync(source, folder, { recursive: true });
    const options: ExecFileSyncOptions = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] };
    execFileSync(goProgram(), ['build', '-trimpath', '-ldflags=-s -w', '-o', 'oracle', '.'], options);
    mkdirSync(cache, { recursive: true });
    cpSync(join(folder, 'oracle'), `${program}.new`);
    renameSync(`${program}.new`, program);
    return program;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

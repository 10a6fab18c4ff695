import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { goProgram } from './go-toolchain.ts';

/** Upstream's own code in a process of its own: a Go program below this folder that answers each line of JSON with one. */
export class GoOracle<Question, Answer> implements Disposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: PromiseWithResolvers<string>[] = [];

  /** `name` is its folder's; it is built where it has not been. */
  constructor(name: string) {
    this.#child = spawn(build(name), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    this.#child.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${name} ended: ${said}`));
    });
  }

  ask(question: Question): Promise<Answer> {
    const answer = Promise.withResolvers<string>();
    this.#waiting.push(answer);
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return answer.promise.then((line) => JSON.parse(line) as Answer);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Where the source of such a program is. */
export function oracleSource(name: string): string {
  return join(import.meta.dirname, name);
}

/** Builds it once for each state of its source; versions are pinned by go.mod and go.sum beside it. */
function build(name: string): string {
  const source = oracleSource(name);
  const hash = createHash('sha256');
  for (const file of readdirSync(source).sort()) hash.update(file).update(readFileSync(join(source, file)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', name);
  const program = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  const folder = mkdtempSync(join(tmpdir(), `berth-${name}-`));
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

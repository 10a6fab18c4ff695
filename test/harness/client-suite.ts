import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface ClientResult {
  readonly passed: boolean;
  readonly output: string;
}

/** Tests of programs of another language, written and run as they are there. */
export interface ClientSuite {
  /** As its sources have them: found without running anything. */
  readonly tests: readonly { readonly name: string; readonly title: string }[];
  /** Runs all of them once, against the server that the file names. */
  run(kubeconfig: string): Promise<ClientRun>;
}

/** What came of each test of a suite. */
export class ClientRun {
  readonly #results: ReadonlyMap<string, ClientResult>;
  readonly #said: string;

  constructor(results: ReadonlyMap<string, ClientResult>, said: string) {
    this.#results = results;
    this.#said = said;
  }

  /** @throws Error – it failed, or never ended; with what it said. */
  check(name: string): void {
    const result = this.#results.get(name);
    if (!result) throw new Error(`${name} did not end; all that was said:\n${this.#said.slice(-8000)}`);
    if (!result.passed) throw new Error(`${name} failed:\n${result.output.slice(-8000)}`);
  }
}

/** Titles of tests: what `pattern` finds in the source as `name` and `title`. */
export function titlesIn(source: string, pattern: RegExp): ClientSuite['tests'] {
  return [...source.matchAll(pattern)].map(({ groups }) => ({
    name: groups?.['name'] ?? '',
    title: groups?.['title'] ?? '',
  }));
}

const run = promisify(execFile);

/** Runs a suite's program, whose exit code says no more than what it printed. */
export async function output(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly timeoutMs?: number },
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { cwd, env, timeoutMs = 800_000 } = options;
  const settings = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
  return run(program, [...args], settings).catch((error: { stdout?: string; stderr?: string }) => ({
    stdout: error.stdout ?? '',
    stderr: `${error.stderr ?? ''}${error}`,
  }));
}

/** Reads a line of JSON for each test: `{"name", "passed", "output"}`. */
export function resultsOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): ClientRun {
  const results = new Map<string, ClientResult>();
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{"name":')) continue;
    const { name, ...result } = JSON.parse(line) as ClientResult & { readonly name: string };
    // Parts of a test are reported too: one that failed fails it.
    if (results.get(name)?.passed !== false) results.set(name, result);
  }
  return new ClientRun(results, stdout + stderr);
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { buildKubectl, kubectlCache } from './build-kubectl.ts';
import { leftoversOf, nodesOf } from './leftovers.ts';
import { disown, own } from './owned-directory.ts';
import { ObjectReader } from './read-objects.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const node = join(root, 'node_modules/.bin/node');
/** As scripts/launch.sh starts a program. */
/** What the programs are started with. */
export const nodeFlags = readFileSync(join(root, 'scripts/node-flags'), 'utf8').trim().split(' ');
export const dist = (name: string) => join(process.env['BERTH_DIST'] ?? join(root, 'dist'), `${name}.js`);

export interface BerthOptions {
  /** The API server alone, instead of everything. */
  readonly command?: 'up' | 'apiserver';
  readonly nodes?: number;
  /** An earlier run's, to go on with. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly kubectl?: string;
  /** Told the pid of each `berth up` at once. */
  readonly onSpawn?: (pid: number) => void;
}

interface Ready {
  readonly kubeconfig: string;
  readonly server: string;
  readonly pid: number;
  readonly startedInMs: number;
}

export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** A `berth up` of its own, as a user starts it; disposing it removes everything it had. */
export class Berth implements AsyncDisposable {
  readonly dataDir: string;
  readonly #options: BerthOptions;
  #child: ChildProcess | undefined;
  #ready: Ready | undefined;
  #reader: ObjectReader | undefined;
  #log = '';

  private constructor(options: BerthOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'berth-e2e-'));
  }

  static async start(options: BerthOptions = {}): Promise<Berth> {
    const berth = new Berth(options);
    await berth.up();
    return berth;
  }

  get ready(): Ready {
    if (!this.#ready) throw new Error('berth is not up');
    return this.#ready;
  }

  get log(): string {
    return this.#log;
  }

  /** Starts it (again) and waits until it is ready. */
  async up(): Promise<Ready> {
    own(this.dataDir);
    const readyFile = join(this.dataDir, 'ready.json');
    rmSync(readyFile, { force: true });
    const { command = 'up', nodes = 1 } = this.#options;
    const args = [
      command,
      '--data-dir',
      this.dataDir,
      '--port',
      '0',
      ...(command === 'up' ? ['--nodes', String(nodes)] : []),
      '--ready-file',
      readyFile,
    ];
    const child = spawn(node, [...nodeFlags, dist('berth'), ...args, ...(this.#options.args ?? [])], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    if (child.pid !== undefined) this.#options.onSpawn?.(child.pid);
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-200_000);
    });
    for (let waited = 0; !existsSync(readyFile); waited += 20) {
      if (child.exitCode !== null || child.signalCode !== null || waited > 120_000)
        throw new Error(`berth did not get ready:\n${this.#log}`);
      await sleep(20);
    }
    this.#ready = JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
    return this.#ready;
  }

  /** Ends the control plane as SIGTERM does, or as a crash does. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#reader?.[Symbol.dispose]();
    this.#reader = undefined;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await closed;
  }

  /** Runs kubectl; throws when it fails, with what it said. `input` goes to its stdin. */
  async kubectl(
    args: readonly string[],
    options: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const result = await this.tryKubectl(args, options);
    if (result.code !== 0)
      throw new Error(
        `kubectl ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}\n--- berth:\n${this.#log.slice(-4000)}`,
      );
    return result.stdout;
  }

  /**
   * Deletes pods of the default namespace that their controller makes anew, and waits until it has. kubectl's own wait looks at a
   * name twice: where the new pod has it by the second time, it waits for the end of that one.
   */
  async replacePods(...names: readonly string[]): Promise<void> {
    // Nothing between the old and the new one.
    const uid = (name: string) =>
      this.get<{ metadata: { uid: string } }>('pod', name).then(({ metadata }) => metadata.uid, noneIfNotFound);
    const before = await Promise.all(names.map(uid));
    await this.kubectl(['delete', 'pod', ...names, '--wait=false']);
    const isNew = async (name: string, i: number) => ![undefined, before[i]].includes(await uid(name));
    await eventually(async () => (await Promise.all(names.map(isNew))).every(Boolean), { what: `new ${names}` });
  }

  tryKubectl(
    args: readonly string[],
    { input, timeoutMs = 150_000 }: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<Result> {
    const program = findKubectl(this.#options.kubectl ?? '1.33');
    return execute(program, ['--kubeconfig', this.ready.kubeconfig, ...args], {
      timeoutMs,
      ...(input === undefined ? {} : { input }),
    });
  }

  apply(manifest: string): Promise<string> {
    return this.kubectl(['apply', '-f', '-'], { input: manifest });
  }

  /** Reads as `kubectl get -o json` does with these arguments, without starting it. */
  async get<T = Record<string, never>>(kind: string, ...args: readonly string[]): Promise<T> {
    this.#reader ??= await ObjectReader.of(this.ready.kubeconfig);
    return (await this.#reader.read(kind, args)) as T;
  }

  /** Runs another of our programs with this data directory at hand. */
  command(program: 'berth' | 'csictl' | 'csi-driver' | 'provisioner', args: readonly string[]): Promise<Result> {
    return execute(node, [...nodeFlags, dist(program), ...args], { timeoutMs: 120_000 });
  }

  /** Starts another of our programs, to be killed; in a process group of its own, as a terminal gives it. */
  launch(program: 'berth' | 'csi-driver', args: readonly string[]): ChildProcess {
    return spawn(node, [...nodeFlags, dist(program), ...args], {
      stdio: 'ignore',
      detached: true,
    });
  }

  /** Without starting it. */
  static at(options: BerthOptions = {}): Berth {
    return new Berth(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    const nodes = nodesOf(this.dataDir);
    const { code, stderr } = await this.command('berth', ['down', '--data-dir', this.dataDir, '--purge']);
    if (code !== 0) throw new Error(`berth down failed: ${stderr}`);
    // What a test put beside berth's own files.
    rmSync(this.dataDir, { recursive: true, force: true });
    const left = leftoversOf(this.dataDir, nodes);
    if (left.length > 0) throw new Error(`berth down left behind:\n${left.join('\n')}`);
    disown(this.dataDir);
  }
}

function noneIfNotFound(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== 'NotFound') throw error;
}

/** Polls a condition that something outside this process brings about. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false>,
  { timeoutMs = 120_000, what = 'the condition' } = {},
): Promise<T> {
  const endAt = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < endAt) {
    try {
      const result = await check();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`${what} did not come about in ${timeoutMs} ms`, { cause: last });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The real kubectl of a minor version, wherever its package put it. */
export function findKubectl(minor: string): string {
  const path = (process.env['PATH'] ?? '').split(':');
  // Packages that bring several versions put them where their `kubectl` really is.
  const real = path
    .filter((folder) => existsSync(join(folder, 'kubectl')))
    .map((folder) => dirname(realpathSync(join(folder, 'kubectl'))));
  const folders = [...path, ...real, kubectlCache];
  const found = folders.map((folder) => join(folder, `kubectl.${minor}`)).find((path) => existsSync(path));
  return found ?? buildKubectl(minor);
}

export async function execute(
  program: string,
  args: readonly string[],
  { input, timeoutMs }: { readonly input?: string; readonly timeoutMs: number },
): Promise<Result> {
  const promise = run(program, [...args], { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 });
  if (input !== undefined) promise.child.stdin?.end(input);
  else promise.child.stdin?.end();
  try {
    return { ...(await promise), code: 0 };
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: number | string };
    return { stdout, stderr: stderr || String(error), code: typeof code === 'number' ? code : 124 };
  }
}

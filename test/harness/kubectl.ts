import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Berth, execute, findKubectl, type Result } from './berth.ts';

/** kubectl of one version in one namespace. */
export class Kubectl {
  readonly namespace: string;
  readonly args: readonly string[];
  readonly program: string;

  constructor(berth: Berth, version: string, namespace: string) {
    this.namespace = namespace;
    this.program = findKubectl(version);
    // Discovery is read once, not by every call, and goes with the data directory.
    const cache = join(berth.dataDir, `kubectl-${version}`);
    this.args = ['--kubeconfig', berth.ready.kubeconfig, '--cache-dir', cache, '-n', namespace];
  }

  /** In a new namespace of its own. */
  static async in(berth: Berth, version: string, topic: string): Promise<Kubectl> {
    const kubectl = new Kubectl(berth, version, `${topic}-${version.replace('.', '-')}`);
    await kubectl.run('create', 'namespace', kubectl.namespace);
    return kubectl;
  }

  try(args: readonly string[], input?: string): Promise<Result> {
    const options = { timeoutMs: 150_000, ...(input === undefined ? {} : { input }) };
    return execute(this.program, [...this.args, ...args], options);
  }

  /** What it printed. @throws Error – it failed. */
  async run(...args: string[]): Promise<string> {
    return this.feed(undefined, ...args);
  }

  async feed(input: string | undefined, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** What it complained of. */
  async fails(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(args);
    if (code === 0) throw new Error(`kubectl ${args.join(' ')} succeeded: ${stdout}`);
    return stderr;
  }

  /** Runs it with a terminal, as a user at one does. */
  async onTerminal(
    input: string,
    ...args: string[]
  ): Promise<{ readonly output: string; readonly code: number | null }> {
    const words = [this.program, ...this.args, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    const child = spawn('script', ['-qec', words.join(' '), '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { output: output.replaceAll('\r', ''), code };
  }
}

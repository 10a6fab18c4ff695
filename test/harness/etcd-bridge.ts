import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';

const start = 'berthe';
let bridges = 0;

/** Bridges and members' links of tests that were killed: the process in the name is gone. */
function abandonedLinks(): string[] {
  return readdirSync('/sys/class/net').filter((name) => {
    const pid = Number.parseInt(new RegExp(`^${start}([0-9a-z]+)_\\d+(m\\d+)?$`).exec(name)?.[1] ?? '', 36);
    return pid > 0 && !existsSync(`/proc/${pid}`);
  });
}

/**
 * A network of its own for the members of a cluster. A member's namespace and its link are those of its process and end
 * with it; the bridge has a name that the tests' clean-up knows.
 */
export class EtcdBridge implements Disposable {
  readonly #bridge = `${start}${process.pid.toString(36)}_${bridges++}`;
  /** Of the first half of 198.18.0.0/15, which is for tests of networks (RFC 2544). */
  readonly #net = `198.18.${randomInt(1, 255)}`;

  readonly #links = new Set<string>();

  constructor() {
    for (const link of abandonedLinks()) remove(link);
    ip('link', 'add', this.#bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.#net}.1/24`, 'dev', this.#bridge);
    ip('link', 'set', this.#bridge, 'up');
  }

  address(index: number): string {
    return `${this.#net}.${index + 10}`;
  }

  /** Starts a program in a namespace of its own, once its link is there. */
  async spawn(index: number, command: readonly string[]): Promise<ChildProcess> {
    const wait = ['sh', '-c', 'echo; read _; exec "$0" "$@" 0</dev/null', ...command];
    const child = spawn('unshare', ['--net', 'setpriv', '--pdeathsig', 'KILL', '--', ...wait], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error(`cannot start ${command[0]} in a network of its own`)));
    });
    child.stdout.resume();
    const link = this.#link(index);
    this.#links.add(link);
    const inside = (...args: string[]) => within(child.pid as number, ...args);
    // Of a member that was killed it may still be going: the kernel takes namespaces down in its own time.
    for (; exists(link); remove(link)) await new Promise((resolve) => setTimeout(resolve, 20));
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(child.pid));
    ip('link', 'set', link, 'master', this.#bridge, 'up');
    inside('addr', 'add', `${this.address(index)}/24`, 'dev', 'eth0');
    inside('link', 'set', 'lo', 'up');
    inside('link', 'set', 'eth0', 'up');
    child.stdin.end('\n');
    return child;
  }

  cut(index: number): void {
    ip('link', 'set', this.#link(index), 'nomaster');
  }

  mend(index: number): void {
    ip('link', 'set', this.#link(index), 'master', this.#bridge);
  }

  /** Cuts a process off from some addresses, and leaves it all others. */
  hide(pid: number, addresses: readonly string[]): void {
    for (const address of addresses) within(pid, 'route', 'add', 'blackhole', address);
  }

  show(pid: number, addresses: readonly string[]): void {
    for (const address of addresses) within(pid, 'route', 'delete', 'blackhole', address);
  }

  [Symbol.dispose](): void {
    // Those of ended processes go by themselves, a little later.
    for (const link of this.#links) remove(link);
    ip('link', 'delete', this.#bridge);
  }

  #link(index: number): string {
    return `${this.#bridge}m${index}`;
  }
}

function within(pid: number, ...args: string[]): void {
  execFileSync('nsenter', ['-t', String(pid), '-n', 'ip', ...args], { stdio: 'pipe' });
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

function exists(link: string): boolean {
  try {
    ip('link', 'show', link);
    return true;
  } catch {
    return false;
  }
}

function remove(link: string): void {
  try {
    ip('link', 'delete', link);
  } catch {
    // It went meanwhile.
  }
}

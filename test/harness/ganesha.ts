import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRng } from '@berth/kit';
import { disown, own } from './owned-directory.ts';

/**
 * The server's side waits for its end of the cable, and stays to keep its namespaces alive.
 * The server finds filesystems in /etc/mtab, which comes with systemd or a container's engine, not with Debian itself.
 */
const holderScript = `
mount -t tmpfs tmpfs /run && mkdir -p /run/ganesha /run/rpcbind /run/etc /run/work && ip link set lo up || exit 1
points=; for point in $(cut -d ' ' -f 5 /proc/self/mountinfo); do case $point in "$2"/*) points="$points $point"; esac; done
[ -z "$points" ] || umount -l $points 2>/dev/null
[ -e /etc/mtab ] || { mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc && ln -s /proc/mounts /etc/mtab; } || exit 1
until ip addr add "$1/30" dev eth0 2>/dev/null; do sleep 0.02; done
ip link set eth0 up
rpcbind -f -w &
exec sleep infinity
`;

/** Tells what hangs, before the hook that waits for it gives up. */
const deadlineMs = 110_000;
/** Of one look: who is not there refuses at once, and who is there answers late on a busy machine. */
const answerMs = 10_000;

/**
 * nfs-ganesha with rpcbind on their usual ports in a network namespace of their own, at `host`; a directory of this
 * machine is exported as `/share`, another as `/secure`, to ports below 1024 alone. Nothing of it is left behind: the cable goes with the namespace, that with its last process.
 */
export class Ganesha implements AsyncDisposable {
  readonly host: string;
  readonly export = '/share';
  readonly folder: string;
  /** The exported directory, seen from this side. */
  readonly root: string;
  readonly #holder: ChildProcess;
  #server: ChildProcess | undefined;

  private constructor(folder: string, holder: ChildProcess, host: string) {
    this.folder = folder;
    this.root = join(folder, 'export');
    this.#holder = holder;
    this.host = host;
  }

  static async start({ hasGrace = false } = {}): Promise<Ganesha> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-ganesha-'));
    own(folder);
    for (const name of ['export', 'secure', 'recovery']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'ganesha.conf'), configuration(folder, hasGrace));
    // 198.18.0.0/15 is for testing networks (RFC 2544): nobody's own. Its first half is etcd-bridge.ts's.
    const net = Math.floor(systemRng.next() * 2 ** 14) * 4;
    const address = (last: number) => `198.19.${net >>> 8}.${(net & 255) + last}`;
    const arguments_ = ['-n', '-m', 'sh', '-c', holderScript, 'sh', address(2), tmpdir()];
    const holder = spawn('unshare', arguments_, { stdio: 'ignore', detached: true });
    const ganesha = new Ganesha(folder, holder, address(2));
    try {
      await ganesha.#plug(`vb${holder.pid}`, address(1));
      await ganesha.#waitForPort(111);
      await ganesha.startServer();
      return ganesha;
    } catch (error) {
      await ganesha[Symbol.asyncDispose]();
      throw error;
    }
  }

  async startServer(): Promise<void> {
    const { folder } = this;
    const arguments_ = ['-F', '-L', join(folder, 'log'), '-f', join(folder, 'ganesha.conf'), '-p', join(folder, 'pid')];
    const enter = ['-t', String(this.#holder.pid), '-n', '-m', 'ganesha.nfsd', ...arguments_];
    this.#server = spawn('nsenter', enter, { stdio: 'ignore' });
    await this.#waitForPort(2049);
    // It takes connections before it has told rpcbind where its mount service is, which NFSv3 begins with.
    await this.#waitFor('the mount service', () => isRegistered(this.host, 'mountd', 3));
  }

  /** Ends the server as a crash would. */
  async killServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killServer();
    const { pid, exitCode, signalCode } = this.#holder;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const ended = once(this.#holder, 'exit');
      process.kill(-pid, 'SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
    disown(this.folder);
  }

  /** Lays the cable once the holder is in its own network: before, the peer would land in ours. */
  async #plug(name: string, address: string): Promise<void> {
    const { pid } = this.#holder;
    const own = networkOf('self');
    await eventually('a network namespace', async () => networkOf(String(pid)) !== own);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
    ip('addr', 'add', `${address}/30`, 'dev', name);
    ip('link', 'set', name, 'up');
  }

  async #waitForPort(port: number): Promise<void> {
    await this.#waitFor(`${this.host}:${port}`, () => canConnect(this.host, port));
  }

  async #waitFor(what: string, check: () => Promise<boolean>): Promise<void> {
    try {
      await eventually(what, check);
    } catch (error) {
      appendFileSync(join(this.folder, 'log'), '');
      throw new Error(`${(error as Error).message}\n${this.log()}`);
    }
  }
}

/** With grace, a restarted server gives its former clients some seconds in which nobody else may open files. */
function configuration(folder: string, hasGrace: boolean): string {
  const grace = hasGrace ? 'Grace_Period = 8' : 'Graceless = true';
  return `
NFS_CORE_PARAM { Enable_NLM = false; Enable_RQUOTA = false; Protocols = 3, 4; mount_path_pseudo = true; }
NFSV4 { RecoveryBackend = fs; RecoveryRoot = ${folder}/recovery; ${grace}; Lease_Lifetime = 5; Only_Numeric_Owners = true; }
EXPORT {
  Export_Id = 1; Path = ${folder}/export; Pseudo = /share;
  Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Transports = TCP; Protocols = 3, 4;
  FSAL { Name = VFS; }
}
EXPORT {
  Export_Id = 2; Path = ${folder}/secure; Pseudo = /secure; PrivilegedPort = true;
  Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Transports = TCP; Protocols = 3, 4;
  FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
`;
}

function ip(...arguments_: string[]): void {
  execFileSync('ip', arguments_, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function networkOf(pid: string): string {
  return execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' });
}

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const start = systemClock.monotonicMs();
  while (!(await check().catch(() => false))) {
    if (systemClock.monotonicMs() - start > deadlineMs) throw new Error(`${what} is not there after ${deadlineMs} ms`);
    await systemClock.sleep(20);
  }
}

/** Calls a program's null procedure where rpcbind says it is. */
function isRegistered(host: string, program: string, version: number): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('rpcinfo', ['-T', 'tcp', host, program, String(version)], { timeout: answerMs }, (error) =>
      resolve(!error),
    );
  });
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: answerMs });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

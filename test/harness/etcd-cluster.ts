import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@berth/kit';
import { etcdEndpointsOf } from '../../orchestrator/src/store/etcd/etcd-endpoint.ts';
import { EtcdBridge } from './etcd-bridge.ts';
import { debianEtcd } from './etcd-program.ts';
import { freePort } from './free-port.ts';
import { disown, own } from './owned-directory.ts';

export interface EtcdClusterOptions {
  readonly program?: string;
  readonly members?: number;
  /** Each member in a network namespace of its own, so that it can be cut off; else all on 127.0.0.1. */
  readonly cuttable?: boolean;
  /** Files in PEM; then clients need a certificate of theirs. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly args?: readonly string[];
}

/**
 * Whether nobody knows what became of a write, and nothing was acknowledged: etcd gives one up after 5 s and two election timeouts
 * (server/config/config.go, ReqTimeout) and both ends a connection whose other end is still for 5 s, which a machine is that stands still.
 */
export function isUncertain(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'Uncertain' || error.code === 'Timeout');
}

interface Member {
  readonly name: string;
  readonly host: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly index: number;
  process: ChildProcess | undefined;
  log: string;
}

/** Real etcd members of one cluster. They die with this process, and with it their namespaces; disposing removes all they had. */
export class EtcdCluster implements AsyncDisposable {
  readonly #options: EtcdClusterOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'berth-etcd-'));
  readonly #bridge: EtcdBridge | undefined;
  readonly #members: Member[] = [];

  private constructor(options: EtcdClusterOptions) {
    this.#options = options;
    own(this.#folder);
    this.#bridge = options.cuttable ? new EtcdBridge() : undefined;
  }

  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(options);
    try {
      await cluster.#prepare();
      await Promise.all(cluster.#members.map((_, i) => cluster.run(i)));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As `--etcd-servers` takes them. */
  get servers(): string {
    return this.#members.map(({ clientUrl }) => clientUrl).join(',');
  }

  get endpoints() {
    return etcdEndpointsOf(this.servers);
  }

  log(index: number): string {
    return this.#members[index]?.log ?? '';
  }

  /** Starts a member (again) and waits until it answers, if a majority runs. */
  async run(index: number): Promise<void> {
    const member = this.#member(index);
    const command = [this.#options.program ?? debianEtcd, ...this.#args(member)];
    const child = this.#bridge
      ? await this.#bridge.spawn(index, command)
      : spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
    member.process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      member.log = (member.log + text).slice(-100_000);
    });
    const runs = this.#members.filter(({ process }) => process).length;
    if (runs * 2 > this.#members.length) await this.#ready(member);
  }

  /** As a crash does. */
  async kill(index: number): Promise<void> {
    const member = this.#member(index);
    const child = member.process;
    member.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await closed;
  }

  /** Keeps what a member has, which is stopped meanwhile; {@link restore} goes back to it. */
  async save(index: number): Promise<void> {
    await this.kill(index);
    cpSync(this.#folderOf(index), `${this.#folderOf(index)}-saved`, { recursive: true });
    await this.run(index);
  }

  /** As from a snapshot: what came since is lost, and its revisions are given out again. */
  async restore(index: number): Promise<void> {
    await this.kill(index);
    rmSync(this.#folderOf(index), { recursive: true });
    cpSync(`${this.#folderOf(index)}-saved`, this.#folderOf(index), { recursive: true });
    await this.run(index);
  }

  /** Nothing reaches the member, nor comes from it. */
  cut(index: number): void {
    this.#bridge?.cut(index);
  }

  mend(index: number): void {
    this.#bridge?.mend(index);
  }

  /** The member is cut off from the others; clients reach all of them. */
  isolate(index: number): void {
    this.#bridge?.hide(this.pid(index), this.#others(index));
  }

  rejoin(index: number): void {
    this.#bridge?.show(this.pid(index), this.#others(index));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((_, i) => this.kill(i)));
    this.#bridge?.[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
    disown(this.#folder);
  }

  async #prepare(): Promise<void> {
    const { members = 1, tls } = this.#options;
    for (let index = 0; index < members; index++) {
      const host = this.#bridge?.address(index) ?? '127.0.0.1';
      const [client, peer] = this.#bridge ? [2379, 2380] : [await freePort(), await freePort()];
      this.#members.push({
        name: `m${index}`,
        index,
        host,
        clientUrl: `${tls ? 'https' : 'http'}://${host}:${client}`,
        peerUrl: `http://${host}:${peer}`,
        process: undefined,
        log: '',
      });
    }
  }

  #folderOf(index: number): string {
    return join(this.#folder, this.#member(index).name);
  }

  #args({ name, index, clientUrl, peerUrl }: Member): string[] {
    const { tls, args = [] } = this.#options;
    const security = tls
      ? ['--client-cert-auth', '--trusted-ca-file', tls.ca, '--cert-file', tls.cert, '--key-file', tls.key]
      : [];
    return [
      ...['--name', name, '--data-dir', this.#folderOf(index)],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', this.#members.map((each) => `${each.name}=${each.peerUrl}`).join(',')],
      ...['--heartbeat-interval', '50', '--election-timeout', '500', '--logger', 'zap'],
      ...security,
      ...args,
    ];
  }

  async #ready(member: Member): Promise<void> {
    const { process } = member;
    for (
      let waited = 0;
      !/ready to serve client requests|serving (insecure )?client|serving client traffic/.test(member.log);
      waited += 20
    ) {
      if (!process || process.exitCode !== null || process.signalCode !== null || waited > 60_000)
        throw new Error(`etcd ${member.name} did not get ready:\n${member.log.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  pid(index: number): number {
    return this.#member(index).process?.pid as number;
  }

  #others(index: number): string[] {
    return this.#members.filter((each) => each.index !== index).map(({ host }) => host);
  }

  #member(index: number): Member {
    const member = this.#members[index];
    if (!member) throw new Error(`there is no member ${index}`);
    return member;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anAuthority } from './api-server.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { builtEtcd } from './etcd-program.ts';
import { freePort } from './free-port.ts';
import { oracleSource } from './go-oracle.ts';
import { builtGoProgram, moduleHash } from './go-program.ts';
import { disown, own } from './owned-directory.ts';

type Authority = Awaited<ReturnType<typeof anAuthority>>;

/** Upstream's own API server, built from its Go module (minutes, once), on an etcd of its own. */
export class KubeApiserver implements AsyncDisposable {
  readonly authority: Authority;
  readonly port: number;
  readonly #etcd: EtcdCluster;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #log = '';

  private constructor(parts: {
    authority: Authority;
    port: number;
    etcd: EtcdCluster;
    folder: string;
    child: ChildProcess;
  }) {
    this.authority = parts.authority;
    this.port = parts.port;
    this.#etcd = parts.etcd;
    this.#folder = parts.folder;
    this.#child = parts.child;
    parts.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-20_000);
    });
  }

  /** `args` come last. @throws Error – it cannot be built, or ends. */
  static async start(args: readonly string[] = []): Promise<KubeApiserver> {
    const { program, etcdProgram } = builtKubeApiserver();
    const etcd = await EtcdCluster.start({ program: etcdProgram });
    const folder = mkdtempSync(join(tmpdir(), 'berth-kube-apiserver-'));
    own(folder);
    const authority = await anAuthority();
    const port = await freePort();
    const command = [program, ...(await flags(authority, folder)), ...['--etcd-servers', etcd.servers]];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command, '--secure-port', String(port), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new KubeApiserver({ authority, port, etcd, folder, child });
  }

  /** What it said last. */
  get log(): string {
    return this.#log;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.ended) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve));
      this.#child.kill('SIGKILL');
      await closed;
    }
    await this.#etcd[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
    disown(this.#folder);
  }
}

/** Its file's name is what it calls itself in managed fields. Versions are pinned by go.mod and go.sum beside its source. @throws Error – there is no Go, or a module cannot be had. */
export function builtKubeApiserver(): { readonly program: string; readonly etcdProgram: string } {
  const source = oracleSource('kube-apiserver-source');
  const program = builtGoProgram({ name: `kube-apiserver-${moduleHash(source)}/kube-apiserver`, source });
  return { program, etcdProgram: builtEtcd() };
}

async function flags(authority: Authority, folder: string): Promise<string[]> {
  const [server, signing] = await Promise.all([
    authority.issue('CN=kube-apiserver', 'server'),
    authority.issue('CN=service-accounts', 'client'),
  ]);
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  return [
    ...['--bind-address', '127.0.0.1', '--cert-dir', folder],
    ...['--tls-cert-file', file('server.crt', server.cert), '--tls-private-key-file', file('server.key', server.key)],
    ...['--client-ca-file', file('ca.crt', authority.cert), '--authorization-mode', 'Node,RBAC'],
    ...['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
    ...['--service-account-signing-key-file', file('signing.key', signing.key)],
    ...['--service-account-key-file', file('signing.crt', signing.cert)],
    ...['--service-cluster-ip-range', '10.96.0.0/16'],
    // Ours lets nobody forbid that, as clusters do.
    '--allow-privileged',
    // No controller of ours would take the taint of new nodes away.
    ...['--disable-admission-plugins', 'TaintNodesByCondition'],
  ];
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  httpTransport,
  KubeClient,
  type KubeObject,
  loadKubeconfig,
  type ObjectRef,
  type ResourceType,
} from '@berth/kube';
import { stringify } from 'yaml';
import { Berth, eventually } from './berth.ts';
import { Kubectl } from './kubectl.ts';
import { ManifestProcess } from './manifest-process.ts';

export interface OfficialOptions {
  readonly account: string;
  readonly more: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** That of its pod: the name it is elected by. */
  readonly hostname?: string;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code: number; readonly message?: string };
}

/** A `berth up`, and on its node a second driver as deploy/ has it, with the official sidecars as processes. */
export class SidecarWorld implements AsyncDisposable {
  readonly berth: Berth;
  readonly kubectl: Kubectl;
  readonly client: KubeClient;
  readonly node = 'node-1';
  readonly #programs: string;
  readonly #stack: AsyncDisposableStack;
  readonly #processes: ManifestProcess[] = [];
  readonly #auditLog: string;
  readonly #kubeconfigs = new Map<string, Promise<string>>();

  private constructor(
    berth: Berth,
    client: KubeClient,
    options: WorldOptions & { auditLog: string; stack: AsyncDisposableStack },
  ) {
    this.berth = berth;
    this.client = client;
    this.#programs = options.programs;
    this.#stack = options.stack;
    this.#auditLog = options.auditLog;
    this.kubectl = new Kubectl(berth, '1.33', 'default');
  }

  static async start(options: WorldOptions): Promise<SidecarWorld> {
    await using stack = new AsyncDisposableStack();
    const audit = mkdtempSync(join(tmpdir(), 'berth-audit-'));
    stack.defer(() => rmSync(audit, { recursive: true, force: true }));
    const [policy, auditLog] = [join(audit, 'policy.yaml'), join(audit, 'log')];
    writeFileSync(policy, auditPolicy);
    const args = ['--audit-policy-file', policy, '--audit-log-path', auditLog];
    const berth = stack.use(await Berth.start({ args }));
    const { transport } = await loadKubeconfig(berth.ready.kubeconfig);
    const client = new KubeClient(stack.use(httpTransport(transport)));
    return new SidecarWorld(berth, client, { ...options, auditLog, stack: stack.move() });
  }

  apply(...objects: readonly object[]): Promise<string> {
    const input = objects.map((object) => stringify(object)).join('---\n');
    return this.berth.kubectl(['apply', '--validate=strict', '-f', '-'], { input });
  }

  /** Starts an official program as a service account, `NAMESPACE/NAME`. */
  async runOfficial(name: string, { account, more, env = {}, hostname }: OfficialOptions): Promise<ManifestProcess> {
    // Their own limit of five requests a second is no part of what is tested.
    const access = [`--kubeconfig=${await this.kubeconfigOf(account)}`, '--kube-api-qps=1000', '--kube-api-burst=1000'];
    const command = [join(this.#programs, name), ...more, ...access];
    const named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', hostname ?? '', ...command];
    return this.launch(name, hostname === undefined ? command : named, env);
  }

  /** Starts a program that runs until disposed. */
  launch(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): ManifestProcess {
    const started = new ManifestProcess(name, command, env);
    this.#processes.push(started);
    return this.#stack.use(started);
  }

  /** A kubeconfig with a token of `NAMESPACE/NAME`. */
  kubeconfigOf(account: string): Promise<string> {
    const known = this.#kubeconfigs.get(account) ?? this.#writeKubeconfig(account);
    this.#kubeconfigs.set(account, known);
    return known;
  }

  async #writeKubeconfig(account: string): Promise<string> {
    const [namespace = '', name = ''] = account.split('/');
    const path = join(this.berth.dataDir, `kubeconfig-${namespace}-${name}`);
    const token = (await this.kubectl.run('create', 'token', name, '-n', namespace)).trim();
    const raw = JSON.parse(await this.kubectl.run('config', 'view', '--raw', '-o', 'json')) as Record<string, unknown>;
    const context = { cluster: (raw['clusters'] as { name: string }[])[0]?.name, user: 'account', namespace };
    writeFileSync(
      path,
      JSON.stringify({
        ...raw,
        users: [{ name: 'account', user: { token } }],
        contexts: [{ name: 'c', context }],
        'current-context': 'c',
      }),
    );
    return path;
  }

  /** Waits until an object is as wanted; says how it was when it never is. */
  async until<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, wanted: (object: T) => unknown): Promise<T> {
    let last: T | undefined;
    try {
      return await eventually(
        async () => {
          last = await this.client.find(type, ref);
          return last && wanted(last) ? last : undefined;
        },
        { what: `${type.kind} ${ref.name} as wanted` },
      );
    } catch (cause) {
      throw new Error(`${type.kind} ${ref.name} is ${JSON.stringify(last, undefined, 1)}\n${this.logs()}`, { cause });
    }
  }

  async untilGone<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef): Promise<void> {
    let last: T | undefined;
    try {
      await eventually(
        async () => {
          last = await this.client.find(type, ref);
          return last === undefined;
        },
        { what: `${type.kind} ${ref.name} gone` },
      );
    } catch (cause) {
      throw new Error(`${type.kind} ${ref.name} is ${JSON.stringify(last, undefined, 1)}\n${this.logs()}`, { cause });
    }
  }

  /** Waits until a program of that name logged it. */
  async said(name: string, words: RegExp): Promise<void> {
    const heard = () => this.#processes.some((one) => one.name === name && words.test(one.log));
    await eventually(async () => heard(), { what: `${words} of ${name}`, timeoutMs: 20_000 }).catch(
      (cause: unknown) => {
        throw new Error(this.logs(), { cause });
      },
    );
  }

  logs(): string {
    return this.#processes.map(({ name, log }) => `--- ${name}\n${log.slice(-3000)}`).join('\n');
  }

  /** Requests of service accounts that were refused, a line each: who, what, with which answer. */
  refusals(): string[] {
    const lines = readFileSync(this.#auditLog, 'utf8').trim().split('\n').filter(Boolean);
    const events = lines.map((line) => JSON.parse(line) as AuditEvent);
    const refused = events.filter(({ responseStatus: { code } = { code: 200 } }) => code >= 400);
    return refused.map(
      ({ verb, requestURI, user, responseStatus }) =>
        `${user.username} ${verb} ${requestURI}: ${responseStatus?.code} ${responseStatus?.message ?? ''}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export interface WorldOptions {
  /** The folder of the official programs. */
  readonly programs: string;
}

const auditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
});

import { messageOf, rfc3339 } from '@berth/kit';
import type { KubeObject } from '@berth/kube';
import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { changeObject } from '../verbs/change-object.ts';
import { CallError } from '../webhook/call-error.ts';
import type { RemoteApi, RemoteResource, RemoteSpec } from './remote-api.ts';
import { remoteSpecOf } from './remote-api.ts';
import { type ProxyClient, remoteTarget } from './remote-target.ts';

/** How soon a server that is there, or not there, is asked again. */
const recheckMs = 30_000;
const retryMs = 2_000;
/** Upstream's limit on one discovery. */
const timeoutMs = 5_000;

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** APIServices that stand for other servers: which there are, whether they answer, what they serve. Without any it costs nothing. */
export class RemoteApis {
  readonly #context: ServerContext;
  readonly #client: ProxyClient;
  readonly #apis = new Map<string, RemoteApi>();
  readonly #checks = new Map<string, Disposable>();

  constructor(context: ServerContext, client: ProxyClient) {
    this.#context = context;
    this.#client = client;
  }

  get client(): ProxyClient {
    return this.#client;
  }

  /** What is served elsewhere, groups by their priority. */
  list(): readonly RemoteApi[] {
    if (this.#apis.size === 0) return [];
    return [...this.#apis.values()].sort(
      ({ spec: a }, { spec: b }) =>
        b.groupPriority - a.groupPriority || b.versionPriority - a.versionPriority || (a.name < b.name ? -1 : 1),
    );
  }

  find(group: string, version: string): RemoteApi | undefined {
    return this.#apis.size === 0 ? undefined : this.#apis.get(`${version}.${group}`);
  }

  async start(signal: AbortSignal): Promise<void> {
    const storage = this.#context.storageOf('apiregistration.k8s.io', 'apiservices');
    if (!storage) return;
    signal.addEventListener('abort', () => this.#clear(), { once: true });
    await followObjects(
      storage,
      {
        reset: () => this.#clear(),
        set: (object) => this.#set(object, signal),
        remove: ({ metadata }) => this.#remove(metadata.name ?? ''),
      },
      { log: this.#context.log, signal },
    );
  }

  #clear(): void {
    for (const name of [...this.#apis.keys()]) this.#remove(name);
  }

  #remove(name: string): void {
    this.#apis.delete(name);
    this.#checks.get(name)?.[Symbol.dispose]();
    this.#checks.delete(name);
  }

  #set(object: AnyObject, signal: AbortSignal): void {
    const name = object.metadata.name ?? '';
    const spec = remoteSpecOf(object);
    const before = this.#apis.get(name);
    if (
      !spec ||
      spec.name !== `${spec.version}.${spec.group}` ||
      this.#context.registry.isBuiltIn(spec.group, spec.version)
    ) {
      if (before) this.#remove(name);
      return;
    }
    // Its own status comes back as a change as well.
    if (before && JSON.stringify(before.spec) === JSON.stringify(spec)) return;
    this.#remove(name);
    this.#apis.set(name, { spec, available: false, resources: [] });
    this.#checkIn(name, 0, signal);
  }

  #checkIn(name: string, ms: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#checks.get(name)?.[Symbol.dispose]();
    this.#checks.set(
      name,
      this.#context.clock.schedule(ms, () => void this.#check(name, signal)),
    );
  }

  async #check(name: string, signal: AbortSignal): Promise<void> {
    const api = this.#apis.get(name);
    if (!api || signal.aborted) return;
    const verdict = await this.#ask(api, signal);
    if (this.#apis.get(name) !== api || signal.aborted) return;
    api.available = verdict.status === 'True';
    this.#checkIn(name, api.available ? recheckMs : retryMs, signal);
    try {
      await this.#write(name, verdict);
    } catch (error) {
      if (!signal.aborted) this.#context.log.debug('an APIService was not told', { name, reason: messageOf(error) });
    }
  }

  async #ask(api: RemoteApi, signal: AbortSignal): Promise<Verdict> {
    const { spec } = api;
    try {
      const missing = await this.#missing(spec);
      if (missing) return missing;
      api.resources = await this.#discover(spec, signal);
      return { status: 'True', reason: 'Passed', message: 'all checks passed' };
    } catch (error) {
      if (!(error instanceof CallError)) this.#context.log.warn('an APIService was not checked', { error });
      return { status: 'False', reason: 'FailedDiscoveryCheck', message: messageOf(error) };
    }
  }

  /** What there is to say before it can be asked (kube-aggregator remote_available_controller). */
  async #missing({ service }: RemoteSpec): Promise<Verdict | undefined> {
    const { namespace, name, port } = service;
    const place = `service/${name} in ${JSON.stringify(namespace)}`;
    const found = (await this.#context.storageOf('', 'services')?.find(namespace, name))?.object;
    if (!found) return { status: 'False', reason: 'ServiceNotFound', message: `${place} is not present` };
    const ports = (found.spec?.ports ?? []) as { port?: number }[];
    if (found.spec?.type === 'ExternalName' || ports.some((one) => one.port === port)) return undefined;
    return { status: 'False', reason: 'ServicePortError', message: `${place} is not listening on port ${port}` };
  }

  async #discover(spec: RemoteSpec, signal: AbortSignal): Promise<readonly RemoteResource[]> {
    const path = `/apis/${spec.group}/${spec.version}`;
    const target = await remoteTarget(this.#context, spec, {
      path,
      user: { name: 'system:kube-aggregator', groups: ['system:masters'] },
      client: this.#client,
    });
    const caller = await this.#context.outbound.caller();
    const { status, body } = await caller.call({ target, method: 'GET', timeoutMs }, signal);
    const failed = (why: string) => new CallError(`failing or missing response from ${target.url}: ${why}`);
    if (status < 200 || status >= 300) throw failed(`bad status from ${target.url}: ${status}`);
    try {
      const { resources } = JSON.parse(body.toString()) as { resources?: unknown };
      return Array.isArray(resources) ? resources.filter(isResource) : [];
    } catch {
      throw failed('no APIResourceList');
    }
  }

  async #write(name: string, { status, reason, message }: Verdict): Promise<void> {
    const definition = this.#context.registry.ofResource('apiregistration.k8s.io', 'apiservices');
    if (!definition) return;
    const change = (object: AnyObject): AnyObject => {
      const conditions = (object.status?.conditions ?? []) as (KubeObject & Record<string, unknown>)[];
      const before = conditions.find((one) => one['type'] === 'Available');
      const same = before?.['status'] === status;
      if (same && before['reason'] === reason && before['message'] === message) return object;
      const lastTransitionTime = same ? before['lastTransitionTime'] : rfc3339(this.#context.clock.now());
      const condition = { type: 'Available', status, lastTransitionTime, reason, message };
      const others = conditions.filter((one) => one['type'] !== 'Available');
      return { ...object, status: { ...object.status, conditions: [...others, condition] } };
    };
    const request = { definition, namespace: '', name, subresource: 'status', endpoint: 'status' } as const;
    const by = { user: loopback, dryRun: false, warn: () => undefined };
    await changeObject(this.#context, { own: true, ...request, ...by, change });
  }
}

function isResource(value: unknown): value is RemoteResource {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as RemoteResource).name === 'string' &&
    typeof (value as RemoteResource).kind === 'string'
  );
}

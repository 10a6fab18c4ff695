import { Backoff, messageOf, rfc3339 } from '@berth/kit';
import type { KubeObject } from '@berth/kube';
import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { changeObject } from '../verbs/change-object.ts';
import { CallError } from '../webhook/call-error.ts';
import { discover, unreachable, type Verdict } from './availability.ts';
import type { RemoteApi } from './remote-api.ts';
import { remoteSpecOf } from './remote-api.ts';
import type { ProxyClient } from './remote-target.ts';

/** How soon a server that is there is asked again. */
const recheckMs = 30_000;
/** One that is not: upstream's queue. */
const retry = { initialMs: 5, maxMs: 30_000 } as const;

/** What a server's being there hangs on, beside itself. */
const watched = [
  ['', 'services'],
  ['', 'endpoints'],
  ['discovery.k8s.io', 'endpointslices'],
] as const;

/** APIServices that stand for other servers: which there are, whether they answer, what they serve. Without any it costs nothing. */
export class RemoteApis {
  readonly #context: ServerContext;
  readonly #client: ProxyClient;
  readonly #apis = new Map<string, RemoteApi>();
  readonly #checks = new Map<string, Disposable>();
  readonly #backoff = new Backoff(retry);
  /** Ends following what servers hang on; absent: there are none. */
  #following: AbortController | undefined;

  constructor(context: ServerContext, client: ProxyClient) {
    this.#context = context;
    this.#client = client;
  }

  get client(): ProxyClient {
    return this.#client;
  }

  get isEmpty(): boolean {
    return this.#apis.size === 0;
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
    this.#backoff.forget(name);
    this.#checks.get(name)?.[Symbol.dispose]();
    this.#checks.delete(name);
    if (this.#apis.size > 0) return;
    this.#following?.abort();
    this.#following = undefined;
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
    if (!this.#following) this.#follow(signal);
  }

  /** A server whose Service or whose endpoints change is asked at once. */
  #follow(signal: AbortSignal): void {
    const end = new AbortController();
    this.#following = end;
    const run = { log: this.#context.log, signal: AbortSignal.any([signal, end.signal]) };
    const changed = ({ kind, metadata }: AnyObject) => {
      const { namespace, labels } = metadata;
      const name = kind === 'EndpointSlice' ? labels?.['kubernetes.io/service-name'] : metadata.name;
      for (const { spec } of this.#apis.values())
        if (spec.service.name === name && spec.service.namespace === namespace) this.#checkIn(spec.name, 0, signal);
    };
    for (const [group, plural] of watched) {
      const storage = this.#context.storageOf(group, plural);
      if (!storage) continue;
      followObjects(storage, { reset: () => undefined, set: changed, remove: changed }, run).catch((error: unknown) => {
        if (!run.signal.aborted) run.log.warn('servers of APIServices are looked for more slowly', { plural, error });
      });
    }
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
    const scheduled = this.#checks.get(name);
    const verdict = await this.#ask(api, signal);
    if (this.#apis.get(name) !== api || signal.aborted) return;
    api.available = verdict.status === 'True';
    const soon = verdict.reason === 'FailedDiscoveryCheck';
    if (!soon) this.#backoff.forget(name);
    // What changed meanwhile is looked at already.
    if (this.#checks.get(name) === scheduled) this.#checkIn(name, soon ? this.#backoff.next(name) : recheckMs, signal);
    try {
      await this.#write(name, verdict);
    } catch (error) {
      if (!signal.aborted) this.#context.log.debug('an APIService was not told', { name, reason: messageOf(error) });
    }
  }

  async #ask(api: RemoteApi, signal: AbortSignal): Promise<Verdict> {
    const { spec } = api;
    try {
      const missing = await unreachable(this.#context, spec);
      if (missing) return missing;
      api.resources = await discover(this.#context, { spec, client: this.#client }, signal);
      return { status: 'True', reason: 'Passed', message: 'all checks passed' };
    } catch (error) {
      if (!(error instanceof CallError)) this.#context.log.warn('an APIService was not checked', { error });
      return { status: 'False', reason: 'FailedDiscoveryCheck', message: messageOf(error) };
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

import { Backoff, messageOf } from '@berth/kit';
import type { Counter, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import { followKeyPair, type KeyPair } from '../configuration/follow-key-pair.ts';
import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { CallError } from '../webhook/call-error.ts';
import { discover, unreachable, type Verdict } from './availability.ts';
import type { RemoteApi } from './remote-api.ts';
import { remoteSpecOf } from './remote-api.ts';
import type { ProxyClient } from './remote-target.ts';
import { tellAvailability } from './tell-availability.ts';

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
  #client: ProxyClient;
  readonly #apis = new Map<string, RemoteApi>();
  readonly #checks = new Map<string, Disposable>();
  readonly #backoff = new Backoff(retry);
  readonly #lost: SeriesOf<Counter>;
  /** Ends following what servers hang on; absent: there are none. */
  #following: AbortController | undefined;

  constructor(context: ServerContext, client: ProxyClient, metrics: MetricRegistry) {
    this.#context = context;
    this.#client = client;
    this.#lost = metrics.counter(
      'aggregator_unavailable_apiservice_total',
      'How often an APIService became unavailable, by its name and why.',
      ['name', 'reason'],
    );
    // What this server itself serves is there.
    const local = () => {
      const { registry } = context;
      return registry.groups.flatMap((group) => registry.versionsOf(group).map((version) => `${version}.${group}`));
    };
    metrics.gauge('aggregator_unavailable_apiservice', 'APIServices that are unavailable.', ['name'], () => [
      ...local().map((name) => [[name], 0] as const),
      ...[...this.#apis].map(([name, { available }]) => [[name], available ? 0 : 1] as const),
    ]);
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
    this.#followClient(signal);
    await followObjects(
      storage,
      {
        reset: () => this.#clear(),
        set: (object) => this.#set(object, signal),
        remove: ({ metadata }) => this.#remove(metadata.name ?? ''),
      },
      { log: this.#context.log, clock: this.#context.clock, signal },
    );
  }

  /** Who did not know the certificate before is asked again at once. */
  #followClient(signal: AbortSignal): void {
    const { cert, key, files } = this.#client;
    if (!files || cert === undefined || key === undefined) return;
    const { clock, log } = this.#context;
    const use = (pair: KeyPair) => {
      this.#client = { ...pair, files };
      for (const name of this.#apis.keys()) this.#checkIn(name, 0, signal);
    };
    const of = 'the certificate and key for servers behind APIServices';
    followKeyPair({ files, now: { cert, key }, of, use, clock, log }, signal);
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
    const { log, clock } = this.#context;
    const run = { log, clock, signal: AbortSignal.any([signal, end.signal]) };
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
    // The newest check counts: the one before may have asked a server that is gone.
    const check = Symbol();
    api.check = check;
    const verdict = await this.#ask(api, signal);
    if (this.#apis.get(name) !== api || api.check !== check || signal.aborted) return;
    api.available = verdict.status === 'True';
    const soon = verdict.reason === 'FailedDiscoveryCheck';
    if (!soon) this.#backoff.forget(name);
    this.#checkIn(name, soon ? this.#backoff.next(name) : recheckMs, signal);
    try {
      const said = await tellAvailability(this.#context, name, verdict);
      if (said === 'True' && !api.available) this.#lost.at(name, verdict.reason).add();
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
}

import { addBuild } from '../../metrics/build-metrics.ts';
import type { Counter, MetricRegistry, Sample } from '../../metrics/metric-registry.ts';
import { addProcess } from '../../metrics/process-metrics.ts';
import { countOf } from '../flow-control/object-counts.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { AccessMetrics } from './access-metrics.ts';
import { AdmissionMetrics } from './admission-metrics.ts';
import { AdmissionSteps } from './admission-steps.ts';
import { AuthorizationMetrics } from './authorization-metrics.ts';
import { ConfigurationMetrics } from './configuration-metrics.ts';
import { HealthMetrics } from './health-metrics.ts';
import { ImpersonationMetrics } from './impersonation-metrics.ts';
import { PodSecurityMetrics } from './pod-security-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';
import { StoreMetrics } from './store-metrics.ts';

/** What `/metrics` tells, under upstream's names. */
export class ServerMetrics {
  readonly registry: MetricRegistry;
  readonly requests: RequestMetrics;
  readonly tlsErrors: Counter;
  readonly admission: AdmissionMetrics;
  readonly admissionSteps: AdmissionSteps;
  readonly podSecurity: PodSecurityMetrics;
  readonly health: HealthMetrics;
  readonly #store: StoreMetrics;
  readonly configurations: ConfigurationMetrics;
  readonly authorization: AuthorizationMetrics;
  /** A watch was sent an event of so many bytes. */
  readonly watched: (definition: ResourceDefinition, bytes: number) => void;
  readonly access: AccessMetrics;
  readonly impersonation: ImpersonationMetrics;

  constructor(context: ServerContext) {
    const { registry } = context.metrics;
    this.registry = registry;
    this.admission = new AdmissionMetrics(registry);
    this.admissionSteps = new AdmissionSteps(registry, context.clock);
    this.podSecurity = new PodSecurityMetrics(registry);
    this.health = new HealthMetrics();
    context.expressions.register(registry);
    this.#store = new StoreMetrics(registry, context);
    this.configurations = new ConfigurationMetrics(registry, context.clock);
    this.requests = new RequestMetrics(registry, context.registry, context.clock);
    this.tlsErrors = registry
      .counter('apiserver_tls_handshake_errors_total', 'Requests lost because a TLS handshake failed.')
      .at();
    this.access = new AccessMetrics(registry, context.clock);
    this.impersonation = new ImpersonationMetrics(registry, context.clock);
    this.authorization = new AuthorizationMetrics(registry, this.configurations);
    this.watched = watchEvents(registry);
    addBuild(registry);
    addVersion(registry);
    addProcess(registry);
    addObjects(registry, context);
    addLists(registry, context);
    addRevision(registry, context);
  }

  /** What comes of itself is counted until `signal`. */
  start(signal: AbortSignal): void {
    void this.#store.follow(signal);
  }

  text(): Promise<string> {
    return this.registry.text();
  }
}

function watchEvents(registry: MetricRegistry): ServerMetrics['watched'] {
  const about = ['group', 'resource', 'version'];
  const counts = registry.counter('apiserver_watch_events_total', 'Events sent to watches.', about);
  const sizes = registry.histogram(
    'apiserver_watch_events_sizes',
    'Bytes of events sent to watches.',
    about,
    [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072],
  );
  return ({ group, plural, version }, bytes) => {
    counts.at(group, plural, version).add();
    sizes.at(group, plural, version).observe(bytes);
  };
}

function addVersion(registry: MetricRegistry): void {
  const version = ['berth', 'kube', '1.36', '1.35'];
  registry.gauge(
    'version_info',
    'The version this server is compatible to.',
    ['binary', 'component', 'emulation', 'min_compat'],
    () => [[version, 1]],
  );
}

function addObjects(registry: MetricRegistry, context: ServerContext): void {
  const stored = context.registry.definitions.filter(({ storedAs, verbs }) => !storedAs && verbs.includes('list'));
  const samples = (labels: (group: string, plural: string) => string[], value: 'count' | 'bytes') => async () => {
    const all = await Promise.all(
      stored.map(async ({ group, plural }): Promise<Sample> => {
        const known = await countOf(context, group, plural);
        const count = known?.count ?? 0;
        const number = value === 'count' ? count : Math.round(count * (known?.averageBytes ?? 0));
        return [labels(group, plural), number];
      }),
    );
    return all;
  };
  registry.gauge(
    'apiserver_resource_objects',
    'Objects in the store, by resource.',
    ['group', 'resource'],
    samples((group, plural) => [group, plural], 'count'),
  );
  registry.gauge(
    'apiserver_resource_size_estimate_bytes',
    'About how large the objects in the store are, by resource.',
    ['group', 'resource'],
    samples((group, plural) => [group, plural], 'bytes'),
  );
  registry.gauge(
    'apiserver_storage_objects',
    'Objects in the store, by resource.',
    ['resource'],
    samples((group, plural) => [group === '' ? plural : `${plural}.${group}`], 'count'),
  );
}

/** Lists of each resource, whatever the version that was asked for. */
function addLists(registry: MetricRegistry, context: ServerContext): void {
  const samples = (from: 'cache' | 'storage', value: 'lists' | 'read' | 'given') => (): Sample[] => {
    const sums = new Map<string, Sample>();
    for (const definition of context.registry.definitions.filter(({ verbs }) => verbs.includes('list'))) {
      const { group, plural } = definition;
      const [, before] = sums.get(`${group}/${plural}`) ?? [[], 0];
      sums.set(`${group}/${plural}`, [[group, plural], before + context.storage(definition).listed[from][value]]);
    }
    return [...sums.values()].filter(([, sum]) => sum > 0);
  };
  const about = ['group', 'resource'];
  const byIndex = ['group', 'index', 'resource'];
  const stored = (name: string, help: string, value: 'lists' | 'read' | 'given') =>
    registry.count(`apiserver_storage_list_${name}`, help, about, samples('storage', value));
  stored('total', 'Lists of an older state, which the store has answered.', 'lists');
  stored('fetched_objects_total', 'Objects that were read for them.', 'read');
  stored('evaluated_objects_total', 'Objects that were looked at for them.', 'read');
  stored('returned_objects_total', 'Objects that they brought.', 'given');
  // There are no indexes.
  const cached = (name: string, help: string, value: 'lists' | 'read') =>
    registry.count(`apiserver_cache_list_${name}`, help, byIndex, () =>
      samples('cache', value)().map(([[group = '', resource = ''], sum]): Sample => [[group, '', resource], sum]),
    );
  cached('total', 'Lists of the state at hand.', 'lists');
  cached('fetched_objects_total', 'Objects that were read for them.', 'read');
  registry.count(
    'apiserver_cache_list_returned_objects_total',
    'Objects that they brought.',
    about,
    samples('cache', 'given'),
  );
}

/** What is at hand of one resource is as new as all else. */
function addRevision(registry: MetricRegistry, { registry: resources, store }: ServerContext): void {
  registry.gauge(
    'apiserver_watch_cache_resource_version',
    'The newest revision that is known here, but for all before its fifteen last digits.',
    ['group', 'resource'],
    () =>
      resources.definitions
        .filter(({ storedAs, verbs }) => !storedAs && verbs.includes('watch'))
        .map(({ group, plural }): Sample => [[group, plural], store.revision % 1e15]),
  );
}

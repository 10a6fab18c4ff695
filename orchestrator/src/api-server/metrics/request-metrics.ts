import type { Clock } from '@berth/kit';
import { HighWaterMark } from '../../metrics/high-water-mark.ts';
import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import { deprecationOf } from '../deprecations.ts';
import { isLongRunning, isMutating, type RequestInfo } from '../request-info.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';

/** Upstream's buckets (apiserver endpoints/metrics). */
export const durationBounds: readonly number[] = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const sliBounds = durationBounds.slice(2);
const sizeBounds = [1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
const bodyBounds = Array.from({ length: 31 }, (_, i) => 50_000 + i * 100_000);
const about = ['component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'];

/** What a request was about, and how it ended. */
export interface CountedRequest {
  readonly info: RequestInfo;
  readonly method: string;
  readonly contentType: string | undefined;
  readonly dryRun: string;
  readonly code: number;
}

/** What was seen of a request from outside when it ended. */
export interface FinishedRequest extends CountedRequest {
  /** False: it was refused before anyone began to serve it. */
  readonly isServed: boolean;
  readonly seconds: number;
  /** How much of that went to its queue and to webhooks. */
  readonly secondsOfOthers: number;
  /** Absent where nothing tells. */
  readonly answerBytes: number | undefined;
  readonly bodyBytes: number | undefined;
}

interface OwnSeries {
  readonly total: Counter;
  readonly own: Counter;
}

interface Series {
  readonly total: Counter;
  readonly duration: Histogram;
  /** Absent where it says nothing of the server: of watches and dry runs. */
  readonly sli: Histogram | undefined;
  readonly sizes: Histogram | undefined;
  /** Absent where none is read. */
  readonly body: Histogram | undefined;
}

/** Counts requests under upstream's metric names. */
export class RequestMetrics {
  readonly mutating: HighWaterMark;
  readonly readOnly: HighWaterMark;
  readonly #registry: ResourceRegistry;
  /** By what was asked for (none: no resource), then by what else tells series apart. */
  readonly #known = new WeakMap<object, Map<string, Series>>();
  /** Of requests of this process' own parts, in the same way. */
  readonly #counters = new WeakMap<object, Map<string, OwnSeries>>();
  readonly #deprecated = new Map<string, readonly string[]>();
  readonly #long = new Map<string, { readonly labels: readonly string[]; count: number }>();
  readonly #total: SeriesOf<Counter>;
  readonly #own: SeriesOf<Counter>;
  readonly #duration: SeriesOf<Histogram>;
  readonly #sli: SeriesOf<Histogram>;
  readonly #sizes: SeriesOf<Histogram>;
  readonly #bodies: SeriesOf<Histogram>;
  readonly #watchLists: SeriesOf<Histogram>;
  readonly #dropped: SeriesOf<Counter>;
  readonly #terminations: SeriesOf<Counter>;
  readonly #aborts: SeriesOf<Counter>;

  constructor(metrics: MetricRegistry, registry: ResourceRegistry, clock: Clock) {
    this.#registry = registry;
    this.mutating = new HighWaterMark(clock);
    this.readOnly = new HighWaterMark(clock);
    const withDryRun = ['component', 'dry_run', ...about.slice(1)];
    this.#total = metrics.counter(
      'apiserver_request_total',
      'Requests by verb, resource, dry run, scope and HTTP response code.',
      ['code', ...withDryRun],
    );
    this.#own = metrics.counter('apiserver_selfrequest_total', 'Requests of parts of this process.', [
      'group',
      'resource',
      'subresource',
      'verb',
    ]);
    this.#duration = metrics.histogram(
      'apiserver_request_duration_seconds',
      'Time from a request to the end of its answer.',
      withDryRun,
      durationBounds,
    );
    this.#sli = metrics.histogram(
      'apiserver_request_sli_duration_seconds',
      'Time from a request to the end of its answer, without what others took of it.',
      about,
      sliBounds,
    );
    // Its name before 1.26, by which dashboards still ask for it.
    metrics.alias('apiserver_request_slo_duration_seconds', 'The same, by its old name.', about, this.#sli);
    this.#sizes = metrics.histogram('apiserver_response_sizes', 'Bytes of answers to reads.', about, sizeBounds);
    this.#watchLists = metrics.histogram(
      'apiserver_watch_list_duration_seconds',
      'Time from a request to the end of the state a watch begins with.',
      ['group', 'resource', 'scope', 'version'],
      watchListBounds,
    );
    this.#bodies = metrics.histogram(
      'apiserver_request_body_size_bytes',
      'Bytes of request bodies.',
      ['group', 'resource', 'verb'],
      bodyBounds,
    );
    this.#dropped = metrics.counter('apiserver_dropped_requests_total', 'Requests refused with 429.', ['request_kind']);
    const terminated = ['code', ...about];
    this.#terminations = metrics.counter(
      'apiserver_request_terminations_total',
      'Requests the server ended before it had served them.',
      terminated,
    );
    this.#aborts = metrics.counter(
      'apiserver_request_aborts_total',
      'Requests whose clients went before their answer had ended.',
      about.slice(1),
    );
    metrics.gauge(
      'apiserver_current_inflight_requests',
      'The most requests at once of the last second, by kind.',
      ['request_kind'],
      () => [
        [['mutating'], this.mutating.most],
        [['readOnly'], this.readOnly.most],
      ],
    );
    metrics.gauge(
      'apiserver_requested_deprecated_apis',
      'Deprecated APIs that were asked for, and the release they are gone with.',
      ['group', 'removed_release', 'resource', 'subresource', 'version'],
      () => [...this.#deprecated.values()].map((labels) => [labels, 1] as const),
    );
    metrics.gauge('apiserver_longrunning_requests', 'Watches, logs and the like that are being served.', about, () =>
      [...this.#long.values()].filter(({ count }) => count > 0).map(({ labels, count }) => [labels, count] as const),
    );
  }

  /** A request begins; call what is returned when it ends. */
  begin(info: RequestInfo, method: string): () => void {
    if (isLongRunning(info)) return this.#beginLong(info, method);
    const gauge = isMutating(info) && info.isResource ? this.mutating : this.readOnly;
    gauge.add(1);
    return () => gauge.add(-1);
  }

  /** It is refused for now. */
  dropped({ info, method, contentType, dryRun }: Omit<CountedRequest, 'code'>): void {
    this.#dropped.at(isMutating(info) ? 'mutating' : 'readOnly').add();
    const [component = '', ...rest] = this.#labelsOf(info, method, contentType);
    this.#total.at('429', component, dryRun === 'All' ? 'All' : '', ...rest).add();
    this.terminated(info, method, 429);
  }

  terminated(info: RequestInfo, method: string, code: number): void {
    this.#terminations.at(String(code), ...this.#labelsOf(info, method, undefined)).add();
  }

  aborted(info: RequestInfo, method: string): void {
    this.#aborts.at(...this.#labelsOf(info, method, undefined).slice(1)).add();
  }

  /** A request of a part of this process has ended: it is counted, which is all that its time is spent on. */
  counted(request: CountedRequest): void {
    const { info, method, contentType, code } = request;
    const definition = this.#definitionOf(info);
    const counters = this.#counters.get(definition ?? this) ?? new Map<string, OwnSeries>();
    const dryRun = request.dryRun === 'All' ? 'All' : '';
    const what = definition ? `${subresourceOf(definition, info)}/${scopeOf(info)}` : '';
    const key = `${code}${verbOf(info, method, contentType)}${dryRun}${what}`;
    let series = counters.get(key);
    if (!series) {
      const labels = this.#labelsOf(info, method, contentType);
      const [component = '', ...rest] = labels;
      const [, group = '', resource = '', , subresource = '', verb = ''] = labels;
      const total = this.#total.at(String(code), component, dryRun, ...rest);
      series = { total, own: this.#own.at(group, resource, subresource, verb) };
      this.#counters.set(definition ?? this, counters.set(key, series));
    }
    series.total.add();
    series.own.add();
  }

  /** Who was not let in, and what is not there, is no request to anything (apiserver endpoints/metrics MonitorRequest). */
  finished(request: FinishedRequest): void {
    const { info, seconds, secondsOfOthers, answerBytes, bodyBytes } = request;
    if (!request.isServed || (!this.#definitionOf(info) && pathLabels(info) === undefined)) return;
    const series = this.#seriesOf(request);
    series.total.add();
    series.duration.observe(seconds);
    series.sli?.observe(seconds - secondsOfOthers);
    if (answerBytes !== undefined) series.sizes?.observe(answerBytes);
    if (bodyBytes !== undefined) series.body?.observe(bodyBytes);
  }

  #seriesOf(request: FinishedRequest): Series {
    const { info, method, contentType, dryRun, code } = request;
    const definition = this.#definitionOf(info);
    // Whatever else a client writes there was refused.
    const dry = dryRun === 'All' ? 'All' : '';
    // Not by the path: there are as many of those as clients make up.
    const what = definition ? `${subresourceOf(definition, info)}/${scopeOf(info)}` : `${pathLabels(info)}`;
    const key = `${code}${verbOf(info, method, contentType)}${dry}${what}`;
    const all = this.#known.get(definition ?? this) ?? new Map<string, Series>();
    const known = all.get(key);
    if (known) return known;
    const series = this.#newSeries(request, dry);
    this.#known.set(definition ?? this, all.set(key, series));
    return series;
  }

  #newSeries({ info, method, contentType, code }: FinishedRequest, dry: string): Series {
    const labels = this.#labelsOf(info, method, contentType);
    const [component = '', ...rest] = labels;
    const [group = '', resource = '', , subresource = '', verb = '', version = ''] = rest;
    const bodyVerb = bodyVerbs.get(info.verb);
    const definition = this.#definitionOf(info);
    const deprecation = definition && deprecationOf(definition);
    if (deprecation !== undefined) {
      const removed = definition?.custom ? '' : (/unavailable in v(\d+\.\d+)\+/.exec(deprecation)?.[1] ?? '');
      this.#deprecated.set(`${group}/${version}/${resource}/${subresource}`, [
        group,
        removed,
        resource,
        subresource,
        version,
      ]);
    }
    const withDryRun = [component, dry, ...rest];
    return {
      total: this.#total.at(String(code), ...withDryRun),
      duration: this.#duration.at(...withDryRun),
      sli: dry === '' && verb !== 'WATCH' ? this.#sli.at(...labels) : undefined,
      sizes: verb === 'GET' || verb === 'LIST' || verb === 'WATCH' ? this.#sizes.at(...labels) : undefined,
      body: bodyVerb !== undefined && verb !== 'CONNECT' ? this.#bodies.at(group, resource, bodyVerb) : undefined,
    };
  }

  #beginLong(info: RequestInfo, method: string): () => void {
    const labels = this.#labelsOf(info, method, undefined);
    const key = labels.join('\0');
    const entry = this.#long.get(key) ?? { labels, count: 0 };
    this.#long.set(key, entry);
    entry.count++;
    return () => {
      entry.count--;
    };
  }

  /** Only what is served makes series: what clients invent would fill the memory. */
  #labelsOf(info: RequestInfo, method: string, contentType: string | undefined): string[] {
    const { group, version, resource } = info;
    const definition = this.#definitionOf(info);
    const verb = verbOf(info, method, contentType);
    const [component, path] = definition ? ['apiserver', ''] : (pathLabels(info) ?? ['apiserver', '']);
    if (!definition) return [component, '', '', '', path, verb, ''];
    return ['apiserver', group, resource, scopeOf(info), subresourceOf(definition, info), verb, version];
  }

  /** A watch has told all that there was when it began. */
  watchListed(info: RequestInfo, seconds: number): void {
    const { group, version, resource } = info;
    this.#watchLists.at(group, resource, scopeOf(info), version).observe(seconds);
  }

  #definitionOf({ isResource, group, version, resource }: RequestInfo): ResourceDefinition | undefined {
    return isResource ? this.#registry.find(group, version, resource) : undefined;
  }
}

function subresourceOf({ subresources }: ResourceDefinition, { subresource }: RequestInfo): string {
  return subresource !== '' && subresources.some(({ name }) => name === subresource) ? subresource : '';
}

function scopeOf({ name, namespace, verb }: RequestInfo): string {
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

/** Upstream's buckets for lists that come as a watch. */
const watchListBounds = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60];

/** What body sizes call verbs (apiserver endpoints/handlers/metrics). */
const bodyVerbs: ReadonlyMap<string, string> = new Map([
  ['create', 'create'],
  ['update', 'update'],
  ['patch', 'patch'],
  ['delete', 'delete'],
  ['deletecollection', 'delete_collection'],
]);

/** Component and subresource of the paths whose requests are told, though they are about no resource (InstrumentHandlerFunc's callers). */
function pathLabels({ isResource, path }: RequestInfo): readonly [component: string, subresource: string] | undefined {
  if (isResource) return undefined;
  if (path === '/healthz' || path === '/livez' || path === '/readyz') return ['', path];
  if (path === '/openapi/v3') return ['', 'openapi/v3'];
  return path.startsWith('/openapi/v3/') ? ['', 'openapi/v3/'] : undefined;
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT']);
const connecting = new Set(['exec', 'attach', 'portforward', 'proxy']);

/** Words are the metrics' own: POST for create, yet LIST and WATCH (endpoints/metrics CleanVerb). */
function verbOf(info: RequestInfo, method: string, contentType: string | undefined): string {
  if (info.isResource && connecting.has(info.subresource)) return 'CONNECT';
  if (info.verb === 'list' || info.verb === 'watch') return info.verb.toUpperCase();
  if (method === 'PATCH' && contentType?.startsWith('application/apply-patch')) return 'APPLY';
  if (method === 'HEAD') return 'GET';
  return methods.has(method) ? method : 'OTHER';
}

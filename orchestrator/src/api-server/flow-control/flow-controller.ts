import type { Clock } from '@berth/kit';
import type { MetricRegistry } from '../../metrics/metric-registry.ts';
import { isLongRunning, isMutating, type RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';
import { DroppedRequests } from './dropped-requests.ts';
import { FlowMetrics, FlowSeries } from './flow-metrics.ts';
import { rulesAbout, rulesMatch } from './flow-schema-matching.ts';
import type { Admitted, Arrival, InFlight, Refused } from './in-flight.ts';
import type { LevelObject, PriorityLevel } from './priority-level.ts';
import type { PriorityLevels, SchemaObject } from './priority-levels.ts';
import type { Ticket } from './queue-set.ts';
import type { WatchCounts } from './watch-counts.ts';
import { mostSeats } from './work-estimate.ts';
import type { WorkEstimator } from './work-estimator.ts';

const free: Admitted = { admitted: true, headers: {}, started: () => undefined, finish: () => undefined };

export interface FlowControllerParts {
  readonly clock: Clock;
  readonly levels: PriorityLevels;
  readonly estimator: WorkEstimator;
  readonly watches: WatchCounts;
  readonly metrics: MetricRegistry;
}

/** Priority and fairness: classifies each request and gives it seats of its level, in its turn. */
export class FlowController implements InFlight {
  readonly levels: PriorityLevels;
  readonly #clock: Clock;
  readonly #estimator: WorkEstimator;
  readonly #watches: WatchCounts;
  readonly #dropped: DroppedRequests;
  readonly #metrics: FlowMetrics;
  readonly #flows = new WeakMap<SchemaObject, Flow>();
  readonly #candidates = new WeakMap<User, Candidates>();

  constructor({ clock, levels, estimator, watches, metrics }: FlowControllerParts) {
    this.levels = levels;
    this.#clock = clock;
    this.#estimator = estimator;
    this.#watches = watches;
    this.#dropped = new DroppedRequests(clock);
    this.#metrics = new FlowMetrics(metrics, levels);
  }

  enter(arrival: Arrival): Admitted | Refused | Promise<Admitted | Refused> {
    const { info, user, query } = arrival;
    if (isLongRunning(info) && info.verb !== 'watch') return free;
    const flow = this.#flowOf(this.#classify(info, user));
    const { schema, level, series } = flow;
    const work = this.#estimator.estimate(info, query, level.mostSeatsOfOne);
    series.estimatedSeats.observe(mostSeats(work));
    if (isMutating(info) && info.isResource) series.watchCounts.observe(this.#watches.interestedIn(info));
    // Flows are told apart where there are queues to spread them over (util/flowcontrol startRequest).
    const isSpread = (level.queues.limits.queuing?.queues ?? 0) > 1;
    const distinguisher = isSpread ? distinguisherOf(schema, info, user) : '';
    const ticket = level.queues.start({ schema: schema.name, distinguisher, work, info, user });
    if (typeof ticket === 'string') {
      this.#metrics.waited.at('false', schema.name, level.name).observe(0);
      return this.#refuse(flow, ticket);
    }
    if (ticket.queue) series.queueLength.observe(lengthWith(ticket));
    if (ticket.state === 'waiting') return this.#wait(flow, ticket, arrival);
    if (!level.isExempt) series.waited.observe(this.#secondsSince(ticket.arrivedAt));
    return this.#admit(flow, ticket, arrival);
  }

  #classify(info: RequestInfo, user: User): SchemaObject {
    const { schemas } = this.levels;
    let known = this.#candidates.get(user);
    if (known?.of !== schemas) {
      known = { of: schemas, each: candidatesOf(schemas, user) };
      this.#candidates.set(user, known);
    }
    const found = known.each.find(({ rules }) => rulesMatch(rules, info));
    // Someone may have narrowed what catches all; it still does.
    return found?.schema ?? (schemas.find(({ name }) => name === 'catch-all') as SchemaObject);
  }

  #flowOf(schema: SchemaObject): Flow {
    const level = this.levels.all.get(schema.spec.priorityLevelConfiguration.name) as PriorityLevel;
    const known = this.#flows.get(schema);
    if (known?.level === level && known.of === level.object) return known;
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.uid,
      'x-kubernetes-pf-prioritylevel-uid': level.object.uid,
    };
    const series = new FlowSeries(this.#metrics, schema.name, level.name);
    const flow = { schema, level, of: level.object, headers, series };
    this.#flows.set(schema, flow);
    return flow;
  }

  #wait(flow: Flow, ticket: Ticket, arrival: Arrival): Promise<Admitted | Refused> {
    const { level, schema } = flow;
    const { signal, waitMs } = arrival;
    return new Promise((resolve) => {
      const settle = (executed: boolean) => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', giveUp);
        const waited = executed ? flow.series.waited : this.#metrics.waited.at('false', schema.name, level.name);
        waited.observe(this.#secondsSince(ticket.arrivedAt));
        resolve(executed ? this.#admit(flow, ticket, arrival) : this.#refuse(flow, 'time-out'));
      };
      const giveUp = () => {
        if (ticket.state !== 'waiting') return;
        level.queues.cancel(ticket);
        settle(false);
        this.#reap(level);
      };
      const timer = this.#clock.schedule(waitMs, giveUp);
      signal.addEventListener('abort', giveUp, { once: true });
      ticket.wake = () => settle(true);
      if (signal.aborted) giveUp();
    });
  }

  #admit({ level, schema, headers, series }: Flow, ticket: Ticket, { info, query }: Arrival): Admitted {
    series.dispatched.add();
    const watch = info.verb === 'watch' ? this.#watches.add(info, query) : undefined;
    const release = () => {
      if (ticket.state !== 'running') return;
      level.queues.finish(ticket);
      const executed = watch ? this.#metrics.executed.at(schema.name, level.name, 'watch') : series.executed;
      executed.observe(this.#secondsSince(ticket.startedAt ?? 0));
      this.#reap(level);
    };
    let open = true;
    const finish = () => {
      release();
      if (open) watch?.[Symbol.dispose]();
      open = false;
    };
    return { admitted: true, headers, started: release, finish };
  }

  #refuse({ schema, level, headers }: Flow, reason: string): Refused {
    this.#metrics.rejected.at(schema.name, level.name, reason).add();
    return { admitted: false, headers, retryAfterSeconds: this.#dropped.record(level.name) };
  }

  #secondsSince(ms: number): number {
    return (this.#clock.monotonicMs() - ms) / 1000;
  }

  #reap(level: PriorityLevel): void {
    if (level.quiescing && level.queues.isIdle) this.levels.reap();
  }
}

/** What requests of a schema have in common, for as long as it and its level are what they are. */
interface Flow {
  readonly schema: SchemaObject;
  readonly level: PriorityLevel;
  readonly of: LevelObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly series: FlowSeries;
}

/** The schemas of a list that a user's requests may be of, with the rules that are about the user. */
interface Candidates {
  readonly of: readonly SchemaObject[];
  readonly each: ReturnType<typeof candidatesOf>;
}

function candidatesOf(schemas: readonly SchemaObject[], user: User) {
  return schemas
    .map((schema) => ({ schema, rules: rulesAbout(schema.spec, user) }))
    .filter(({ rules }) => rules.length > 0);
}

/** How long its queue is with it. */
function lengthWith({ queue, state }: Ticket): number {
  return (queue?.waiting.size ?? 0) + (state === 'running' ? 1 : 0);
}

function distinguisherOf({ spec }: SchemaObject, info: RequestInfo, user: User): string {
  const method = spec.distinguisherMethod?.type;
  return method === 'ByUser' ? user.name : method === 'ByNamespace' ? info.namespace : '';
}

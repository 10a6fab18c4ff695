import type { Clock } from '@berth/kit';
import type { MetricRegistry } from '../metrics/metric-registry.ts';
import { isLongRunning, isMutating, type RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';
import { DroppedRequests } from './dropped-requests.ts';
import { FlowMetrics } from './flow-metrics.ts';
import { schemaMatches } from './flow-schema-matching.ts';
import type { Admitted, Arrival, InFlight, Refused } from './in-flight.ts';
import type { PriorityLevel } from './priority-level.ts';
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
    const schema = this.#classify(info, user);
    const level = this.levels.all.get(schema.spec.priorityLevelConfiguration.name) as PriorityLevel;
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.uid,
      'x-kubernetes-pf-prioritylevel-uid': level.object.uid,
    };
    const work = this.#estimator.estimate(info, query, level.mostSeatsOfOne);
    this.#metrics.estimatedSeats.at(schema.name, level.name).observe(mostSeats(work));
    if (isMutating(info) && info.isResource)
      this.#metrics.watchCounts.at(schema.name, level.name).observe(this.#watches.interestedIn(info));
    const distinguisher = distinguisherOf(schema, info, user);
    const ticket = level.queues.start({ schema: schema.name, distinguisher, work, info, user });
    if (typeof ticket === 'string') return this.#refuse({ schema, level, headers }, ticket);
    const flow = { schema, level, headers, ticket, arrival };
    if (ticket.queue) this.#noteLength(flow, ticket);
    return ticket.state === 'running' ? this.#admit(flow) : this.#wait(flow);
  }

  #classify(info: RequestInfo, user: User): SchemaObject {
    const { schemas } = this.levels;
    const found = schemas.find(({ spec }) => schemaMatches(spec, info, user));
    // Someone may have narrowed what catches all; it still does.
    return found ?? (schemas.find(({ name }) => name === 'catch-all') as SchemaObject);
  }

  #wait(flow: Waiting): Promise<Admitted | Refused> {
    const { ticket, arrival, level, schema } = flow;
    const { signal, waitMs } = arrival;
    return new Promise((resolve) => {
      const settle = (executed: boolean) => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', giveUp);
        const seconds = (this.#clock.monotonicMs() - ticket.arrivedAt) / 1000;
        this.#metrics.waited.at(String(executed), schema.name, level.name).observe(seconds);
        resolve(executed ? this.#admit(flow) : this.#refuse(flow, 'time-out'));
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

  #admit({ ticket, level, schema, headers, arrival }: Waiting): Admitted {
    this.#metrics.dispatched.at(schema.name, level.name).add();
    const { info, query } = arrival;
    const watch = info.verb === 'watch' ? this.#watches.add(info, query) : undefined;
    const release = () => {
      if (ticket.state !== 'running') return;
      level.queues.finish(ticket);
      const seconds = (this.#clock.monotonicMs() - (ticket.startedAt ?? 0)) / 1000;
      this.#metrics.executed.at(schema.name, level.name, watch ? 'watch' : 'regular').observe(seconds);
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

  #refuse({ schema, level, headers }: Pick<Waiting, 'schema' | 'level' | 'headers'>, reason: string): Refused {
    this.#metrics.rejected.at(schema.name, level.name, reason).add();
    return { admitted: false, headers, retryAfterSeconds: this.#dropped.record(level.name) };
  }

  #noteLength({ schema, level }: Pick<Waiting, 'schema' | 'level'>, { queue, state }: Ticket): void {
    const length = (queue?.waiting.size ?? 0) + (state === 'running' ? 1 : 0);
    this.#metrics.queueLength.at(schema.name, level.name).observe(length);
  }

  #reap(level: PriorityLevel): void {
    if (level.quiescing && level.queues.isIdle) this.levels.reap();
  }
}

interface Waiting {
  readonly schema: SchemaObject;
  readonly level: PriorityLevel;
  readonly headers: Readonly<Record<string, string>>;
  readonly ticket: Ticket;
  readonly arrival: Arrival;
}

function distinguisherOf({ spec }: SchemaObject, info: RequestInfo, user: User): string {
  const method = spec.distinguisherMethod?.type;
  return method === 'ByUser' ? user.name : method === 'ByNamespace' ? info.namespace : '';
}

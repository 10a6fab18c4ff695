import type { Clock, Logger } from '@berth/kit';
import type { Status } from '@berth/kube';
import type { Counter, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import { isLongRunning } from '../request-info.ts';
import { auditEvent } from './audit-event.ts';
import { type AuditPolicy, auditDecision } from './audit-policy.ts';
import type { AuditSink, LostEvents } from './audit-sink.ts';
import type { AuditSubject } from './audit-subject.ts';
import { AuditedRequest, statusEvent } from './audited-request.ts';

export interface AuditorParts {
  readonly policy: AuditPolicy;
  /** Made here, as whoever loses an event tells it here. */
  readonly sinks: (lost: LostEvents) => readonly AuditSink[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MetricRegistry;
}

/** Writes down who did what, as the policy says. */
export class Auditor implements AsyncDisposable {
  readonly #parts: AuditorParts;
  readonly #events: SeriesOf<Counter>;
  readonly #errors: SeriesOf<Counter>;
  readonly #levels: SeriesOf<Counter>;
  readonly #rejected: Counter;
  readonly #sinks: readonly AuditSink[];
  readonly #waits: boolean;

  constructor(parts: AuditorParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#events = metrics.counter('apiserver_audit_event_total', 'Audit events made.');
    this.#errors = metrics.counter('apiserver_audit_error_total', 'Audit events that were lost.', ['plugin']);
    this.#levels = metrics.counter('apiserver_audit_level_total', 'Requests by their audit level.', ['level']);
    this.#rejected = metrics
      .counter('apiserver_audit_requests_rejected_total', 'Requests refused for want of an audit.')
      .at();
    this.#sinks = parts.sinks((...lost) => this.#lost(...lost));
    this.#waits = this.#sinks.some(({ waits }) => waits);
  }

  /** Undefined: the policy does not want to know. */
  begin(subject: AuditSubject, auditId: string): AuditedRequest | undefined {
    const { policy, clock } = this.#parts;
    const decision = auditDecision(policy, subject.info, subject.user);
    const { level } = decision;
    this.#levels.at(level).add();
    if (level === 'None') return undefined;
    const event = auditEvent({ subject, level, auditId, now: clock.now() });
    const isLong = isLongRunning(subject.info);
    const waits = this.#waits;
    return new AuditedRequest({ clock, event, decision, isLong, waits, write: (line) => this.#write(line) });
  }

  /** Whether a request may go on: its first event is where it has to be. */
  async admits(audit: AuditedRequest): Promise<boolean> {
    const stored = await audit.received;
    if (!stored) this.#rejected.add();
    return stored;
  }

  /** A request without a valid credential has one event: its refusal (WithFailedAuthenticationAudit). */
  unauthenticated(subject: AuditSubject, auditId: string, status: Status): void {
    const { policy, clock } = this.#parts;
    const { level, omitStages } = auditDecision(policy, subject.info, undefined);
    this.#levels.at(level).add();
    if (level === 'None' || omitStages.has('ResponseStarted')) return;
    const event = auditEvent({ subject, level, auditId, now: clock.now() });
    event.stage = 'ResponseStarted';
    event.responseStatus = statusEvent(status);
    if (level === 'RequestResponse') event.responseObject = status;
    this.#write(`${JSON.stringify(event)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink[Symbol.asyncDispose]()));
  }

  #write(line: string): boolean | Promise<boolean> {
    this.#events.at().add();
    let stored: boolean | Promise<boolean> = true;
    for (const sink of this.#sinks) stored = both(stored, sink.write(line));
    return stored;
  }

  #lost(plugin: string, events: number, reason: string): void {
    this.#errors.at(plugin).add(events);
    this.#parts.log.error('audit events are lost', { plugin, events, reason });
  }
}

function both(one: boolean | Promise<boolean>, other: boolean | Promise<boolean>): boolean | Promise<boolean> {
  if (typeof one === 'boolean' && typeof other === 'boolean') return one && other;
  return Promise.all([one, other]).then(([first, second]) => first && second);
}

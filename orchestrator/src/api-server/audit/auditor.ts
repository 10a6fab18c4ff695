import type { Clock, Logger } from '@berth/kit';
import { messageOf } from '@berth/kit';
import type { Counter, MetricRegistry, SeriesOf } from '../metrics/metric-registry.ts';
import { isLongRunning } from '../request-info.ts';
import { auditEvent } from './audit-event.ts';
import { type AuditPolicy, auditDecision } from './audit-policy.ts';
import type { AuditSubject } from './audit-subject.ts';
import { AuditedRequest } from './audited-request.ts';

/** Where events go; a line is one event as JSON. */
export interface AuditSink extends AsyncDisposable {
  /** `log`, `webhook`. */
  readonly name: string;
  /** @throws Error – the event is lost. */
  write(line: string): void;
  /** Hears of events that are lost later. */
  tellLost?(lost: (events: number, why: string) => void): void;
}

export interface AuditorParts {
  readonly policy: AuditPolicy;
  readonly sinks: readonly AuditSink[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MetricRegistry;
}

/** Writes down who did what, as the policy says. */
export class Auditor {
  readonly #parts: AuditorParts;
  readonly #events: SeriesOf<Counter>;
  readonly #errors: SeriesOf<Counter>;
  readonly #levels: SeriesOf<Counter>;

  constructor(parts: AuditorParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#events = metrics.counter('apiserver_audit_event_total', 'Audit events made.');
    this.#errors = metrics.counter('apiserver_audit_error_total', 'Audit events that were lost.', ['plugin']);
    this.#levels = metrics.counter('apiserver_audit_level_total', 'Requests by their audit level.', ['level']);
    for (const sink of parts.sinks) sink.tellLost?.((events, why) => this.#lost(sink, events, why));
    metrics.counter('apiserver_audit_requests_rejected_total', 'Requests refused for want of an audit.');
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
    return new AuditedRequest({ clock, event, decision, isLong, write: (line) => this.#write(line) });
  }

  /** A request without a valid credential has one event: its refusal (WithFailedAuthenticationAudit). */
  unauthenticated(subject: AuditSubject, auditId: string, hasCertificate: boolean): void {
    const { policy, clock } = this.#parts;
    const { level, omitStages } = auditDecision(policy, subject.info, undefined);
    this.#levels.at(level).add();
    if (level === 'None' || omitStages.has('ResponseStarted')) return;
    const event = auditEvent({ subject, level, auditId, now: clock.now() });
    const message = attempted(subject, hasCertificate);
    event.stage = 'ResponseStarted';
    event.responseStatus = { metadata: {}, message, code: 401 };
    this.#write(`${JSON.stringify(event)}\n`);
  }

  #write(line: string): void {
    this.#events.at().add();
    for (const sink of this.#parts.sinks) {
      try {
        sink.write(line);
      } catch (error) {
        this.#lost(sink, 1, messageOf(error));
      }
    }
  }

  #lost({ name }: AuditSink, events: number, reason: string): void {
    this.#errors.at(name).add(events);
    this.#parts.log.error('audit events are lost', { plugin: name, events, reason });
  }
}

function attempted({ headers }: AuditSubject, hasCertificate: boolean): string {
  const [scheme = '', ...rest] = (headers.authorization ?? '').trim().split(' ');
  const methods = [
    ...(/^basic$/i.test(scheme) ? ['basic'] : []),
    ...(/^bearer$/i.test(scheme) && rest.length > 0 ? ['bearer'] : []),
    ...(hasCertificate ? ['x509'] : []),
  ];
  return methods.length > 0
    ? `Authentication failed, attempted: ${methods.join(', ')}`
    : 'Authentication failed, no credentials provided';
}

import { type Clock, rfc3339Micro } from '@berth/kit';
import type { KubeObject, Status } from '@berth/kube';
import type { Impersonation } from '../authorization/impersonate.ts';
import type { RequestLatencies } from '../request-latencies.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { Answer, AuditedBodies, AuditedNames, RequestAudit } from '../server-request.ts';
import { type AuditEvent, userInfo } from './audit-event.ts';
import { type AuditDecision, type AuditStage, auditLevels } from './audit-policy.ts';
import { JsonText, jsonLine } from './json-text.ts';
import { type Presented, responseText, statusOf, withoutManagedFields } from './response-object.ts';

export interface AuditedRequestParts {
  readonly clock: Clock;
  readonly event: AuditEvent;
  readonly decision: AuditDecision;
  readonly isLong: boolean;
  /** The answer waits for what is written down. */
  readonly waits: boolean;
  /** Whether it is where it has to be. */
  readonly write: (line: string) => boolean | Promise<boolean>;
}

/** One request's events: what is known by each stage is written down then (apiserver WithAudit). */
export class AuditedRequest implements RequestAudit {
  readonly #parts: AuditedRequestParts;
  readonly #event: AuditEvent;
  readonly bodies: AuditedBodies;
  /** Of its first event. */
  readonly received: boolean | Promise<boolean>;
  /** Where its time went, if that is to be told. */
  latencies: RequestLatencies | undefined;
  #started = false;
  #done = false;

  constructor(parts: AuditedRequestParts) {
    this.#parts = parts;
    this.#event = parts.event;
    const level = auditLevels.indexOf(parts.decision.level);
    this.bodies = {
      sent: level >= auditLevels.indexOf('Request'),
      answered: level >= auditLevels.indexOf('RequestResponse'),
      omitManagedFields: parts.decision.omitManagedFields,
    };
    this.received = this.#write('RequestReceived');
  }

  impersonates({ user, constraint }: Impersonation): void {
    this.#event.impersonatedUser = userInfo(user);
    if (constraint !== undefined) this.#event.authenticationMetadata = { impersonationConstraint: constraint };
  }

  annotate(key: string, value: string): void {
    this.#event.annotations ??= {};
    this.#event.annotations[key] ??= value;
  }

  /** Taken as it is now: it is changed on its way to the store. */
  requestObject(object: unknown, fill?: (object: AnyObject) => void): void {
    const metadata = (object as Partial<KubeObject> | null)?.metadata;
    if (typeof metadata === 'object') this.#name({ namespace: '', name: '', ...metadata });
    const { sent, omitManagedFields } = this.bodies;
    if (!sent) return;
    const copy = structuredClone(omitManagedFields ? withoutManagedFields(object) : object);
    fill?.(copy as AnyObject);
    this.#event.requestObject = copy;
  }

  requestText(text: string | undefined, names: AuditedNames): void {
    this.#name(names);
    if (text !== undefined) this.#event.requestObject = new JsonText(text);
  }

  responseText(text: string): void {
    this.#event.responseObject = new JsonText(text);
  }

  /** Of a list, which is made in turns, a promise (responsewriters WriteObjectNegotiated). */
  answered(answer: Answer, presented: Presented): Promise<void> | undefined {
    const told = statusOf(answer);
    this.#event.responseStatus = told ? statusEvent(told) : { metadata: {}, code: codeOf(answer) };
    const { answered, omitManagedFields } = this.bodies;
    const text = answered ? responseText(answer, omitManagedFields, presented) : undefined;
    // It may have taken too long, which is written down then.
    const note = (made: string) => {
      this.#event.responseObject ??= new JsonText(made);
    };
    if (text instanceof Promise) return text.then(note);
    if (text !== undefined) note(text);
    return undefined;
  }

  failed(status: Status): void {
    this.#event.responseStatus = statusEvent({ ...status, status: 'Failure' });
    if (this.bodies.answered) this.#event.responseObject = status;
  }

  /** An answer begins, of which no more is known than its code (apiserver auditResponseWriter.processCode). */
  headed(code: number): void {
    this.#event.responseStatus ??= { metadata: {}, code };
    void this.started(code);
  }

  /** What lasts is written down when it begins, too. */
  started(code: number): boolean | Promise<boolean> {
    if (this.#started || !this.#parts.isLong) return true;
    this.#started = true;
    this.#event.responseStatus ??= { metadata: {}, code };
    return this.#write('ResponseStarted');
  }

  /** What has to be written down before the answer; a promise: the answer waits for it. Whether it is lost changes nothing by now. */
  answering(code: number): boolean | Promise<boolean> {
    if (this.#parts.isLong) return this.started(code);
    // Else it is known better how it ended once it has.
    return this.#parts.waits ? this.complete(code) : true;
  }

  complete(code: number): boolean | Promise<boolean> {
    if (this.#done) return true;
    this.#done = true;
    this.#event.responseStatus ??= { metadata: {}, status: 'Success', message: 'Connection closed early', code };
    for (const told of this.latencies?.annotations(this.#parts.clock.monotonicMs()) ?? []) this.annotate(...told);
    void this.started(code);
    return this.#write('ResponseComplete');
  }

  #write(stage: AuditStage): boolean | Promise<boolean> {
    const { decision, clock, write } = this.#parts;
    if (decision.omitStages.has(stage)) return true;
    this.#event.stage = stage;
    if (stage !== 'RequestReceived') this.#event.stageTimestamp = rfc3339Micro(clock.now());
    return write(jsonLine(this.#event));
  }

  /** What the path does not say of its object. */
  #name(names: AuditedNames): void {
    const { objectRef } = this.#event;
    if (!objectRef || !names) return;
    for (const key of ['namespace', 'name', 'uid', 'resourceVersion'] as const)
      if (names[key]) objectRef[key] ??= names[key];
  }
}

/** What an event tells of a Status (audit.LogResponseObject). */
export function statusEvent({ status, message, reason, details, code }: Partial<Status>) {
  return { metadata: {}, status, message, reason, details, code };
}

function codeOf(answer: Answer): number {
  return 'status' in answer ? answer.status : 200;
}

import { type Clock, rfc3339Micro } from '@berth/kit';
import type { KubeObject, Status } from '@berth/kube';
import type { Answer, AnswerObject, RequestAudit } from '../server-request.ts';
import { apiVersionOf, StoredObject } from '../stored-object.ts';
import type { User } from '../user.ts';
import { type AuditEvent, userInfo } from './audit-event.ts';
import { type AuditDecision, type AuditStage, auditLevels } from './audit-policy.ts';

export interface AuditedRequestParts {
  readonly clock: Clock;
  readonly event: AuditEvent;
  readonly decision: AuditDecision;
  readonly isLong: boolean;
  readonly write: (line: string) => void;
}

/** One request's events: what is known by each stage is written down then (apiserver WithAudit). */
export class AuditedRequest implements RequestAudit {
  readonly #parts: AuditedRequestParts;
  readonly #event: AuditEvent;
  readonly #level: number;
  #started = false;
  #done = false;

  constructor(parts: AuditedRequestParts) {
    this.#parts = parts;
    this.#event = parts.event;
    this.#level = auditLevels.indexOf(parts.decision.level);
    this.#write('RequestReceived');
  }

  impersonates(user: User): void {
    this.#event.impersonatedUser = userInfo(user);
  }

  annotate(key: string, value: string): void {
    this.#event.annotations ??= {};
    this.#event.annotations[key] ??= value;
  }

  /** Taken as it is now: it is changed on its way to the store. */
  requestObject(object: unknown): void {
    const { objectRef } = this.#event;
    const metadata = (object as Partial<KubeObject> | null)?.metadata;
    if (objectRef && typeof metadata === 'object') {
      objectRef['namespace'] ??= metadata.namespace ?? '';
      objectRef['name'] ??= metadata.name ?? '';
      if (metadata.uid) objectRef['uid'] ??= metadata.uid;
      if (metadata.resourceVersion) objectRef['resourceVersion'] ??= metadata.resourceVersion;
      for (const key of ['namespace', 'name']) if (objectRef[key] === '') delete objectRef[key];
    }
    if (this.#level >= auditLevels.indexOf('Request')) this.#event.requestObject = this.#copy(object);
  }

  answered(answer: Answer): void {
    this.#event.responseStatus = { metadata: {}, code: codeOf(answer) };
    if (this.#level < auditLevels.indexOf('RequestResponse')) return;
    if (answer.type === 'object') this.#event.responseObject = this.#copy(plainObject(answer.object));
    else if (answer.type === 'list') {
      const { definition, metadata, items } = answer;
      const objects = items.map(({ object }) => this.#copy(object));
      const kind = `${definition.kind}List`;
      this.#event.responseObject = { kind, apiVersion: apiVersionOf(definition), metadata, items: objects };
    }
  }

  failed(status: Status): void {
    const { message, reason, details, code } = status;
    this.#event.responseStatus = { metadata: {}, status: 'Failure', message, reason, details, code };
    if (this.#level >= auditLevels.indexOf('RequestResponse')) this.#event.responseObject = status;
  }

  /** What lasts is written down when it begins, too. */
  started(code: number): void {
    if (this.#started || !this.#parts.isLong) return;
    this.#started = true;
    this.#event.responseStatus ??= { metadata: {}, code };
    this.#write('ResponseStarted');
  }

  complete(code: number): void {
    if (this.#done) return;
    this.#done = true;
    this.#event.responseStatus ??= { metadata: {}, status: 'Success', message: 'Connection closed early', code };
    this.started(code);
    this.#write('ResponseComplete');
  }

  #write(stage: AuditStage): void {
    const { decision, clock, write } = this.#parts;
    if (decision.omitStages.has(stage)) return;
    this.#event.stage = stage;
    if (stage !== 'RequestReceived') this.#event.stageTimestamp = rfc3339Micro(clock.now());
    write(`${JSON.stringify(this.#event)}\n`);
  }

  #copy(object: unknown): unknown {
    const isObject = typeof object === 'object' && object !== null && 'metadata' in object;
    if (!isObject || !this.#parts.decision.omitManagedFields) return structuredClone(object);
    const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
    return structuredClone({ ...object, metadata });
  }
}

function codeOf(answer: Answer): number {
  return 'status' in answer ? answer.status : 200;
}

function plainObject(object: AnswerObject): unknown {
  return object instanceof StoredObject ? object.object : object;
}

import { type Presented, responseText, withoutManagedFields } from '../audit/response-object.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { Answer, AuditedBodies, AuditedNames, RequestAudit } from '../server-request.ts';

/** What the audit of a request is to hear of what this thread does with it: made here, told by the other one. */
export class AsideAudit implements RequestAudit {
  readonly bodies: AuditedBodies;
  readonly annotations: [key: string, value: string][] = [];
  sent: { readonly names: AuditedNames; readonly text: string | undefined } | undefined;
  answer: string | undefined;

  constructor(bodies: AuditedBodies) {
    this.bodies = bodies;
  }

  annotate(key: string, value: string): void {
    this.annotations.push([key, value]);
  }

  requestObject(object: unknown, fill?: (object: AnyObject) => void): void {
    const { sent, omitManagedFields } = this.bodies;
    const shown = omitManagedFields ? withoutManagedFields(object) : object;
    const copy = sent && fill ? structuredClone(shown) : shown;
    if (sent) fill?.(copy as AnyObject);
    this.requestText(sent ? JSON.stringify(copy) : undefined, namesOf(object));
  }

  requestText(text: string | undefined, names: AuditedNames): void {
    this.sent = { names, text };
  }

  responseText(text: string): void {
    this.answer = text;
  }

  async answered(answer: Answer, presented: Presented): Promise<void> {
    const { answered, omitManagedFields } = this.bodies;
    const text = answered ? await responseText(answer, omitManagedFields, presented) : undefined;
    if (text !== undefined) this.responseText(text);
  }
}

function namesOf(object: unknown): AuditedNames {
  const metadata = (object as { metadata?: Record<string, unknown> } | null)?.metadata;
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { namespace = '', name = '', uid, resourceVersion } = metadata as NonNullable<AuditedNames>;
  return { namespace, name, ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
}

import { X509Certificate } from 'node:crypto';
import { rfc3339 } from '@berth/kit';
import type { CertificateSigningRequest } from '@berth/kube';
import type { AnyObject, FieldError, RequestContext } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../field.ts';

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number];

const approvals = ['Approved', 'Denied'];
const lasting = [...approvals, 'Failed'];
const field = 'status.conditions';

function conditionsOf(object: AnyObject): Condition[] {
  return (object as CertificateSigningRequest).status?.conditions ?? [];
}

const of = (object: AnyObject, type: string) => conditionsOf(object).filter((each) => each.type === type);

/** What is written at `/status`: not who approved (registry/certificates, csrStatusStrategy). */
export function prepareStatus(next: AnyObject, old: AnyObject, context: RequestContext): void {
  next['spec'] = structuredClone(old['spec']);
  for (const type of approvals) {
    const before = of(old, type);
    if (before.length !== of(next, type).length) continue;
    const status = (next as CertificateSigningRequest).status;
    if (!status?.conditions) continue;
    let i = 0;
    Object.assign(status, {
      conditions: status.conditions.map((each) => (each.type === type ? structuredClone(before[i++]) : each)),
    });
  }
  stampConditions(next, old, context);
}

/** What is written at `/approval`: conditions alone (csrApprovalStrategy). */
export function prepareApproval(next: AnyObject, old: AnyObject, context: RequestContext): void {
  stampConditions(next, old, context);
  const { conditions } = (next as CertificateSigningRequest).status ?? {};
  next['spec'] = structuredClone(old['spec']);
  const { conditions: _, ...status } = structuredClone((old as CertificateSigningRequest).status ?? {});
  next['status'] = { ...status, ...(conditions ? { conditions } : {}) };
}

function stampConditions(next: AnyObject, old: AnyObject, { now }: RequestContext): void {
  const time = rfc3339(now);
  for (const condition of conditionsOf(next) as (Condition & Record<string, unknown>)[]) {
    const same = of(old, condition.type).find((each) => each.status === condition.status && each.lastTransitionTime);
    condition.lastUpdateTime ??= time;
    condition.lastTransitionTime ??= same?.lastTransitionTime ?? time;
  }
}

export function statusErrors(next: AnyObject, old: AnyObject): FieldError[] {
  const { certificate = '' } = (next as CertificateSigningRequest).status ?? {};
  const before = (old as CertificateSigningRequest).status?.certificate ?? '';
  const why =
    certificate !== before && whyNoCertificate(before) === undefined ? whyNoCertificate(certificate) : undefined;
  return [
    ...conditionErrors(next, old),
    ...(why === undefined ? [] : [invalid('status.certificate', '<certificate data>', why)]),
    ...removalErrors(next, old),
    ...approvals.flatMap((type) => approvalErrors(type, next, old)),
    ...(certificate !== before && before !== ''
      ? [forbidden('status.certificate', 'updates may not modify existing certificate content')]
      : []),
  ];
}

export function approvalUpdateErrors(next: AnyObject, old: AnyObject): FieldError[] {
  return [...conditionErrors(next, old), ...removalErrors(next, old)];
}

function removalErrors(next: AnyObject, old: AnyObject): FieldError[] {
  return lasting
    .filter((type) => of(next, type).length < of(old, type).length)
    .map((type) => forbidden(field, `updates may not remove a condition of type ${JSON.stringify(type)}`));
}

function approvalErrors(type: string, next: AnyObject, old: AnyObject): FieldError[] {
  const [now, before] = [of(next, type), of(old, type)];
  if (now.length > before.length)
    return [forbidden(field, `updates may not add a condition of type ${JSON.stringify(type)}`)];
  if (now.length < before.length || semanticEqual(now, before)) return [];
  return [forbidden(field, `updates may not modify a condition of type ${JSON.stringify(type)}`)];
}

/** What stood there before is let be (ValidateCertificateSigningRequestUpdate's options). */
function conditionErrors(next: AnyObject, old: AnyObject): FieldError[] {
  const before = conditionsOf(old).map(({ type }) => type);
  const mayRepeat = new Set(before).size < before.length;
  const mayBeBoth = approvals.every((type) => before.includes(type));
  const seen = new Set<string>();
  return conditionsOf(next).flatMap(({ type = '', status = '' }, i) => {
    const at = `${field}[${i}]`;
    const allowed = lasting.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    const other = approvals.find((each) => each !== type) ?? '';
    const errors = [
      ...(type === '' && !before.includes('') ? [required(`${at}.type`)] : []),
      ...(status === '' ? [required(`${at}.status`)] : []),
      ...(status !== '' && !allowed.includes(status) ? [notSupported(`${at}.status`, status, allowed)] : []),
      ...(!mayBeBoth && approvals.includes(type) && seen.has(other)
        ? [invalid(field, type, 'Approved and Denied conditions are mutually exclusive')]
        : []),
      ...(!mayRepeat && seen.has(type) ? [duplicate(`${at}.type`, type)] : []),
    ];
    seen.add(type);
    return errors;
  });
}

/** Nothing, or PEM blocks of certificates and nothing else in them (validateCertificate). */
function whyNoCertificate(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const text = Buffer.from(base64, 'base64').toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s([\s\S]*?)-----END \1-----/g)];
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const [whole, type = '', body = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (/^[\w-]+: /m.test(body)) return 'no PEM block headers are permitted';
    try {
      new X509Certificate(whole);
    } catch {
      return 'x509: malformed certificate';
    }
  }
  return undefined;
}

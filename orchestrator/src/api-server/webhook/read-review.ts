import { base64Problem, goValueName, isRecord } from '@berth/kube';
import { notAnObject, notRegistered, typeMetaComplaint } from '../decoding/type-meta.ts';
import { CallError } from './call-error.ts';

/** A kind of review as Go knows it. */
export interface ReviewKind {
  /** `admission.k8s.io` */
  readonly group: string;
  readonly kind: string;
  /** What Go calls its response. */
  readonly response: string;
  /** The response's fields, with the types Go gives them. */
  readonly fields: Readonly<Record<string, GoType>>;
}

/** Of text, a name that Go has for it. */
type GoType =
  | 'bool'
  | '[]string'
  | 'map[string]string'
  | '[]uint8'
  | '[]runtime.RawExtension'
  | 'v1.Status'
  | 'types.UID'
  | 'v1.PatchType';

const known = ['v1', 'v1beta1'];

/** An answered review as client-go reads it into one of the version that was sent; `response` may be absent. @throws CallError – it is none */
export function readReview(answer: unknown, version: string, about: ReviewKind): Readonly<Record<string, unknown>> {
  if (answer === null) return {};
  if (!isRecord(answer)) throw new CallError(notAnObject(answer));
  const wrong = typeMetaComplaint(answer);
  if (wrong !== undefined) throw new CallError(wrong);
  const { kind, apiVersion, response } = answer as Readonly<Record<string, string | undefined>>;
  checkKind({ kind, apiVersion }, version, about);
  const at = `${about.response}.response`;
  if (response === undefined || response === null) return answer;
  if (!isRecord(response)) throw mistyped(response, `${about.kind}.response`, `${version}.${about.response}`);
  for (const [name, type] of Object.entries(about.fields)) {
    const value = response[name];
    if (value !== undefined && value !== null) checkType(value, `${at}.${name}`, type);
  }
  return answer;
}

/** What is left out is taken for what was sent. */
function checkKind(
  { kind, apiVersion }: { readonly kind?: string | undefined; readonly apiVersion?: string | undefined },
  version: string,
  about: ReviewKind,
): void {
  if (!kind || !apiVersion) return;
  const given = known.find((each) => apiVersion === `${about.group}/${each}`);
  if (kind !== about.kind || !given) throw new CallError(notRegistered(kind, apiVersion));
  if (given !== version)
    throw new CallError(`converting (${given}.${kind}) to (${version}.${kind}): unknown conversion`);
}

function checkType(value: unknown, field: string, type: GoType): void {
  if (type === '[]uint8') {
    if (typeof value !== 'string') throw mistyped(value, field, Array.isArray(value) ? type : 'uint8');
    const problem = base64Problem(value);
    if (problem !== undefined) throw new CallError(problem);
    return;
  }
  const [inner, values] = valuesOf(value, type);
  if (values === undefined) throw mistyped(value, field, type);
  const strange = values.find((each) => each !== null && typeof each !== inner);
  if (strange !== undefined) throw mistyped(strange, field, inner === 'string' ? 'string' : type);
}

/** What JavaScript calls a type, and which values are to be of it; none: the value is something else altogether. */
function valuesOf(
  value: unknown,
  type: GoType,
): readonly ['string' | 'boolean' | 'object', readonly unknown[] | undefined] {
  switch (type) {
    case 'bool':
      return ['boolean', typeof value === 'boolean' ? [value] : undefined];
    case '[]string':
      return ['string', Array.isArray(value) ? value : undefined];
    case '[]runtime.RawExtension':
      return ['object', Array.isArray(value) ? [value] : undefined];
    case 'map[string]string':
      return ['string', isRecord(value) ? Object.values(value) : undefined];
    case 'v1.Status':
      return ['object', isRecord(value) ? [value] : undefined];
    default:
      return ['string', typeof value === 'string' ? [value] : undefined];
  }
}

function mistyped(value: unknown, field: string, type: string): CallError {
  return new CallError(`json: cannot unmarshal ${goValueName(value)} into Go struct field ${field} of type ${type}`);
}

import { base64Problem, groupVersionOf, isRecord, schemaFor, unmarshalProblem } from '@berth/kube';
import { isKnownThoughNotServed } from '../decoding/kinds-not-served.ts';
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
/** Kinds that every scheme of Go's has (apimachinery meta/v1 AddToGroupVersion). */
const inEveryScheme = new Set(['Status', 'APIVersions', 'APIGroup', 'APIGroupList', 'APIResourceList']);

/** An answered review as client-go reads it into one of the version that was sent; `response` may be absent. @throws CallError – it is none */
export function readReview(answer: unknown, version: string, about: ReviewKind): Readonly<Record<string, unknown>> {
  if (answer === null) return {};
  if (!isRecord(answer)) throw new CallError(notAnObject(answer));
  const wrong = typeMetaComplaint(answer);
  if (wrong !== undefined) throw new CallError(wrong);
  const { response } = answer;
  checkKind(answer, version, about);
  const at = `${about.response}.response`;
  if (response === undefined || response === null) return answer;
  if (!isRecord(response)) throw mistyped(response, `${about.kind}.response`, `${version}.${about.response}`);
  for (const [name, type] of Object.entries(about.fields)) {
    const value = response[name];
    if (value !== undefined && value !== null) checkType(value, `${at}.${name}`, type);
  }
  return answer;
}

/**
 * What is left out is taken for what was sent. `isAmongOthers`: client-go knows all kinds there are where it reads such an answer.
 * @throws CallError – it is another
 */
export function checkKind(
  answer: Readonly<Record<string, unknown>>,
  version: string,
  about: Pick<ReviewKind, 'group' | 'kind'> & { readonly isAmongOthers?: boolean },
): void {
  const said = answer as Readonly<Record<string, string | undefined>>;
  const [kind, apiVersion] = [said['kind'] || about.kind, said['apiVersion'] || `${about.group}/${version}`];
  const given = known.find((each) => apiVersion === `${about.group}/${each}`);
  if (kind === about.kind && given === version) return;
  const isForeign =
    (apiVersion === 'v1' && inEveryScheme.has(kind)) || (about.isAmongOthers && isKnown(kind, apiVersion));
  if ((kind === about.kind && given) || isForeign)
    throw new CallError(
      `converting (${apiVersion.split('/').at(-1)}.${kind}) to (${version}.${about.kind}): unknown conversion`,
    );
  throw new CallError(notRegistered(kind, apiVersion));
}

function isKnown(kind: string, apiVersion: string): boolean {
  const { group, version } = groupVersionOf(apiVersion);
  return schemaFor(group, version, kind) !== undefined || isKnownThoughNotServed({ kind, apiVersion });
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
  return new CallError(unmarshalProblem(value, `struct field ${field} of type ${type}`));
}

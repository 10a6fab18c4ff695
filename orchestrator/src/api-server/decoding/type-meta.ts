import { unmarshalProblem } from '@berth/kube';

/** Complaints of upstream's decoders about what a document says it is (apimachinery serializer/json meta.go). */

const cannotTell = "couldn't get version/kind; json parse error: ";

/** Why a kind or an apiVersion is none. */
export function typeMetaComplaint(value: Readonly<Record<string, unknown>>): string | undefined {
  for (const field of ['apiVersion', 'kind'] as const) {
    const given = value[field] ?? '';
    if (typeof given !== 'string') return cannotTell + unmarshalProblem(given, `struct field .${field} of type string`);
  }
  return undefined;
}

/** Why it cannot be told what a document is that is no JSON. */
export function noJson(why: string): string {
  return `${cannotTell}${why}`;
}

/** Why something else than an object has no kind. */
export function notAnObject(value: unknown): string {
  if (value === null) return "Object 'Kind' is missing in 'null'";
  const target =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  return cannotTell + unmarshalProblem(value, `value of type ${target}`);
}

export function notRegistered(kind: string, apiVersion: string): string {
  return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`;
}

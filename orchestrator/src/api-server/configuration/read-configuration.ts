import { decodeObject, type ObjectSchema } from '@berth/kube';
import { unmarshalErrors } from '../decoding/duplicate-problems.ts';
import { notAnObject, notRegistered, typeMetaComplaint } from '../decoding/type-meta.ts';
import { readDocument } from '../decoding/yaml-document.ts';

const usualGroup = 'apiserver.config.k8s.io';

export interface ConfigurationForm {
  /** Absent: apiserver.config.k8s.io. */
  readonly group?: string;
  readonly kind: string;
  /** Of the group. */
  readonly versions: readonly string[];
  /** What it was called elsewhere, and is still read as. */
  readonly formerly?: readonly { readonly apiVersion: string; readonly kind: string }[];
  readonly schema: (version: string) => ObjectSchema;
  /** Errors do not quote it. */
  readonly hasSecrets?: true;
  /** Fields that nobody knows, and those given twice, are passed over: upstream's codec is not strict. */
  readonly isLenient?: true;
}

/**
 * A file of configuration, read strictly unless its form is lenient; what is not there has its zero value if it is a struct (upstream's
 * strict codec).
 * @throws Error – it is none, in Go's words.
 */
export function readConfiguration(
  text: string,
  { group = usualGroup, kind, versions, formerly = [], schema, hasSecrets, isLenient }: ConfigurationForm,
): Record<string, unknown> {
  const { value, repeated } = readDocument(text);
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(notAnObject(value));
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const complaint = typeMetaComplaint(fields);
  if (complaint !== undefined) throw new Error(complaint);
  const [given, apiVersion] = [String(fields['kind'] ?? ''), String(fields['apiVersion'] ?? '')];
  for (const [name, there] of [
    ['Kind', given],
    ['apiVersion', apiVersion],
  ])
    if (there === '') throw new Error(`Object '${name}' is missing in '${hasSecrets ? 'REDACTED' : text}'`);
  const known = [...versions.map((version) => ({ apiVersion: `${group}/${version}`, kind })), ...formerly];
  const isKnown = known.some((one) => one.apiVersion === apiVersion && one.kind === given);
  if (!isKnown) throw new Error(notRegistered(given, apiVersion));
  const { object, unknownFields } = decodeObject(schema(apiVersion.slice(apiVersion.indexOf('/') + 1)), value);
  const problems = [
    ...(repeated.length > 0 ? [unmarshalErrors(repeated)] : []),
    ...unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  if (problems.length > 0 && !isLenient) throw new Error(`strict decoding error: ${problems.join(', ')}`);
  return object;
}

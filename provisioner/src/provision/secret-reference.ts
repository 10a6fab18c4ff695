import type { PersistentVolumeClaim, SecretReference } from '@berth/kube';
import { type SecretKeys, secretsOfClass } from './class-parameters.ts';

/** Whose names the templates of a class may use. */
export interface TemplateSubject {
  readonly volumeName: string;
  readonly claim: PersistentVolumeClaim;
}

/**
 * The secret a class names for a purpose, with its templates resolved; undefined where it names none.
 * The NAMESPACE may only use `${pv.name}` and `${pvc.namespace}`, which users of a claim do not choose: else anyone who
 * may make a claim could point the driver at another namespace's secrets (external-provisioner getSecretReference).
 * @throws Error – half a reference, a token that is not allowed, or a result that is no valid name.
 */
export function secretReference(
  keys: SecretKeys,
  parameters: Readonly<Record<string, string>> | undefined,
  subject: TemplateSubject,
): SecretReference | undefined {
  const templates = templatesOf(keys, parameters ?? {}) ?? templatesOf(secretsOfClass.fallback, parameters ?? {});
  if (!templates) return undefined;
  const { namespace = '', name: claimName = '', annotations } = subject.claim.metadata;
  const safe = new Map([
    ['pv.name', subject.volumeName],
    ['pvc.namespace', namespace],
  ]);
  const usable = new Map([
    ...safe,
    ['pvc.name', claimName],
    ...Object.entries(annotations ?? {}).map(([key, value]) => [`pvc.annotations['${key}']`, value] as const),
  ]);
  return {
    name: checked(templates.name, resolve(templates.name, usable), { what: 'secret', valid: isSubdomain }),
    namespace: checked(templates.namespace, resolve(templates.namespace, safe), { what: 'namespace', valid: isLabel }),
  };
}

function templatesOf(keys: SecretKeys, parameters: Readonly<Record<string, string>>) {
  const names = pick(parameters, keys.name, keys.oldName);
  const namespaces = pick(parameters, keys.namespace, keys.oldNamespace);
  if (names.length === 0 && namespaces.length === 0) return undefined;
  if (names.length > 1 || namespaces.length > 1) {
    throw new Error(`${keys.label} secrets specified with both deprecated and current keys`);
  }
  const [name] = names;
  const [namespace] = namespaces;
  if (name === undefined || namespace === undefined) {
    throw new Error(`either name and namespace for ${keys.label} secrets specified, Both must be specified`);
  }
  return name === '' && namespace === '' ? undefined : { name, namespace };
}

function pick(parameters: Readonly<Record<string, string>>, ...keys: readonly (string | undefined)[]): string[] {
  return keys.flatMap((key) => (key === undefined ? [] : (parameters[key] ?? [])));
}

/** `${token}` and `$token`, as Go's os.Expand. */
function resolve(template: string, values: ReadonlyMap<string, string>): string {
  const unknown: string[] = [];
  const text = template.replaceAll(/\$\{([^}]*)\}|\$(\w+)/g, (_, braced?: string, bare?: string) => {
    const token = braced ?? bare ?? '';
    const value = values.get(token);
    if (value === undefined) unknown.push(token);
    return value ?? '';
  });
  if (unknown.length === 0) return text;
  const quoted = unknown.map((token) => JSON.stringify(token)).join(' ');
  throw new Error(`error resolving value ${JSON.stringify(template)}: invalid tokens: [${quoted}]`);
}

function checked(template: string, value: string, rule: { what: string; valid: (text: string) => boolean }): string {
  if (rule.valid(value)) return value;
  const [from, to] = [JSON.stringify(template), JSON.stringify(value)];
  throw new Error(
    from === to
      ? `${from} is not a valid ${rule.what} name`
      : `${from} resolved to ${to} which is not a valid ${rule.what} name`,
  );
}

const isLabel = (text: string) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
const isSubdomain = (text: string) =>
  text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);

import { readFile } from 'node:fs/promises';
import { withoutEnd } from '@berth/kit';
import { decodeObject, isRecord, type ObjectSchema, type PolicyRule, parseJson } from '@berth/kube';
import { type Attributes, type Authorizer, isOfPath, type KnownRules, noRules } from '../authorizer.ts';
import { configStruct } from '../configuration/config-schema.ts';
import { noJson, notAnObject, notRegistered, typeMetaComplaint } from '../decoding/type-meta.ts';
import { yamlValue } from '../decoding/yaml-work.ts';
import type { User } from '../user.ts';

/** One line of a policy file, as its newest version has it (abac.authorization.kubernetes.io/v1beta1). */
interface Policy {
  readonly user: string;
  readonly group: string;
  readonly readonly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly nonResourcePath: string;
}

const flag = '--authorization-policy-file';
const apiVersion = 'abac.authorization.kubernetes.io/v1beta1';
const noPolicy: Policy = {
  user: '',
  group: '',
  readonly: false,
  apiGroup: '',
  resource: '',
  namespace: '',
  nonResourcePath: '',
};
const oldFields = {
  user: 'string',
  group: 'string',
  readonly: 'boolean',
  resource: 'string',
  namespace: 'string',
} as const;
const unversionedSchema = configStruct('v0')('Policy', oldFields);
const policySchema = configStruct('v1beta1')('Policy', {
  spec: configStruct('v1beta1')('PolicySpec', { ...oldFields, apiGroup: 'string', nonResourcePath: 'string' }),
});
const readVerbs = new Set(['get', 'list', 'watch']);

/** Allows what a line of a policy file allows (pkg/auth/authorizer/abac). @throws RangeError – the file cannot be read or is wrong. */
export async function abacAuthorizer(path: string): Promise<Authorizer> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(
      `${flag}: open ${path}: ${error.code === 'ENOENT' ? 'no such file or directory' : error.code}`,
    );
  });
  const policies = readPolicies(text, path);
  return {
    authorize: async (attributes) =>
      policies.some((policy) => allows(policy, attributes))
        ? { allowed: true, reason: '' }
        : { allowed: false, reason: 'No policy matched.' },
    rulesFor: (user, namespace) => rulesOf(policies, user, namespace),
  };
}

function rulesOf(policies: readonly Policy[], user: User, namespace: string): KnownRules {
  const rules = policies
    .filter((policy) => isSubject(policy, user) && (policy.namespace === '*' || policy.namespace === namespace))
    .flatMap(({ readonly, apiGroup, resource, nonResourcePath }): PolicyRule[] => {
      const verbs = readonly ? [...readVerbs] : ['*'];
      return [
        ...(resource === '' ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]),
        ...(nonResourcePath === '' ? [] : [{ verbs, nonResourceURLs: [nonResourcePath] }]),
      ];
    });
  return { ...noRules, rules };
}

function readPolicies(text: string, path: string): Policy[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const wrong = (why: string) =>
      new RangeError(`${flag}: error reading policy file ${path}, line ${index + 1}: ${line}: ${why}`);
    try {
      return [policyOf(trimmed)];
    } catch (error) {
      throw wrong((error as Error).message);
    }
  });
}

/** @throws Error – it is none, in Go's words. */
function policyOf(line: string): Policy {
  const value = documentOf(line);
  if (!isRecord(value)) throw new Error(notAnObject(value));
  const complaint = typeMetaComplaint(value);
  if (complaint !== undefined) throw new Error(complaint);
  const { kind = '', apiVersion: given = '' } = value as Readonly<Record<string, string | undefined>>;
  // A line that says neither is one of old.
  if (given === '' && (kind === '' || kind === 'Policy'))
    return fromUnversioned({ ...noPolicy, ...read(unversionedSchema, value) });
  if (kind === '' && given === apiVersion)
    throw new Error('converting (v1beta1.Policy) to (v0.Policy): unknown conversion');
  if (kind !== 'Policy' || given !== apiVersion) throw new Error(notRegistered(kind, given));
  const { spec } = read(policySchema, value) as { spec: Partial<Policy> };
  return toEveryoneKnown({ ...noPolicy, ...spec });
}

function documentOf(line: string): unknown {
  if (!line.startsWith('{')) return yamlValue(line);
  try {
    return parseJson(line);
  } catch (error) {
    throw new Error(noJson((error as Error).message));
  }
}

function read(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
  return decodeObject(schema, value).object;
}

/** Who was not authenticated is never meant by a star (abac/v1beta1 conversion). */
function toEveryoneKnown(policy: Policy): Policy {
  const { user, group } = policy;
  return user === '*' || group === '*' ? { ...policy, group: 'system:authenticated', user: '' } : policy;
}

/** Lines of old left fields out where they meant all (abac/v0 conversion). */
function fromUnversioned(policy: Policy): Policy {
  const { user, group, namespace, resource } = policy;
  return {
    ...toEveryoneKnown(user === '' && group === '' ? { ...policy, user: '*' } : policy),
    namespace: namespace || '*',
    resource: resource || '*',
    apiGroup: '*',
    nonResourcePath: namespace === '' && resource === '' ? '*' : '',
  };
}

/** Whether somebody may be impersonated to read is a matter of reading (filters/impersonation impersonateOnAttributes). */
function verbOfRequest(verb: string): string {
  return verb.replace(/^impersonate-on:[^:]*:/, '');
}

function allows(policy: Policy, attributes: Attributes): boolean {
  if (!isSubject(policy, attributes.user)) return false;
  if (policy.readonly && !readVerbs.has(verbOfRequest(attributes.verb))) return false;
  if (isOfPath(attributes)) return pathMatches(policy.nonResourcePath, attributes.path);
  const { namespace, resource, apiGroup } = policy;
  const is = (wanted: string, given: string) => wanted === '*' || wanted === given;
  return is(namespace, attributes.namespace) && is(resource, attributes.resource) && is(apiGroup, attributes.group);
}

/** Both where both are named; a line that names nobody is nobody's. */
function isSubject({ user, group }: Policy, { name, groups }: User): boolean {
  if (user !== '' && user !== name) return false;
  if (group !== '' && !groups.includes(group)) return false;
  return user !== '' || group !== '';
}

function pathMatches(wanted: string, path: string): boolean {
  if (wanted === '*' || wanted === path) return true;
  return wanted.endsWith('*') && path.startsWith(withoutEnd(wanted, '*'));
}

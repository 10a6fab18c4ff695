import { readFile } from 'node:fs/promises';
import { withoutEnd } from '@berth/kit';
import type { PolicyRule } from '@berth/kube';
import { type Attributes, type Authorizer, isOfPath, type KnownRules, noRules } from '../authorizer.ts';
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
    let value: unknown;
    try {
      value = JSON.parse(trimmed);
    } catch (error) {
      throw wrong((error as Error).message);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('is no object');
    return [policyOf(value as Record<string, unknown>, wrong)];
  });
}

function policyOf(value: Record<string, unknown>, wrong: (why: string) => Error): Policy {
  const { kind, apiVersion: given } = value;
  if (kind === undefined && given === undefined) return fromUnversioned(fieldsOf(value, wrong));
  if (kind !== 'Policy' || given !== apiVersion)
    throw wrong(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(given ?? '')}`);
  const { spec } = value;
  if (typeof spec !== 'object' || spec === null) throw wrong('has no spec');
  return toEveryoneKnown(fieldsOf(spec as Record<string, unknown>, wrong));
}

/** Who was not authenticated is never meant by a star (abac/v1beta1 conversion). */
function toEveryoneKnown(policy: Policy): Policy {
  const { user, group } = policy;
  return user === '*' || group === '*' ? { ...policy, group: 'system:authenticated', user: '' } : policy;
}

function fieldsOf(fields: Record<string, unknown>, wrong: (why: string) => Error): Policy {
  const text = (name: string) => {
    const value = fields[name] ?? '';
    if (typeof value === 'string') return value;
    throw wrong(`json: cannot unmarshal ${typeof value} into Go struct field PolicySpec.spec.${name} of type string`);
  };
  const { readonly = false } = fields;
  if (typeof readonly !== 'boolean')
    throw wrong('json: cannot unmarshal into Go struct field PolicySpec.spec.readonly of type bool');
  return {
    user: text('user'),
    group: text('group'),
    readonly,
    apiGroup: text('apiGroup'),
    resource: text('resource'),
    namespace: text('namespace'),
    nonResourcePath: text('nonResourcePath'),
  };
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

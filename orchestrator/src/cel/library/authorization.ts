import { type Attributes, type Decision, pathAttributes } from '../../api-server/authorizer.ts';
import { dns1123Label, dns1123Subdomain } from '../../api-server/resources/names.ts';
import type { User } from '../../api-server/user.ts';
import { objectType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import type { Opaque } from '../values/opaque.ts';
import type { Result, Value } from '../values/value.ts';

const space = 'kubernetes.authorization';
export const authorizerType = objectType(`${space}.Authorizer`);
const pathCheckType = objectType(`${space}.PathCheck`);
const groupCheckType = objectType(`${space}.GroupCheck`);
export const resourceCheckType = objectType(`${space}.ResourceCheck`);
const decisionType = objectType(`${space}.Decision`);

/** Answers at once, or throws what makes the evaluation wait and begin again. */
export type Decide = (attributes: Attributes) => Decision | { readonly error: string };

/** `authorizer` and everything that is made of it; two of them are never equal. */
class AuthorizerValue implements Opaque {
  readonly opaque = authorizerType;
  readonly user: User;
  readonly decide: Decide;

  constructor(user: User, decide: Decide) {
    this.user = user;
    this.decide = decide;
  }

  equals(other: Opaque): boolean {
    return other === this;
  }
}

class PathCheck implements Opaque {
  readonly opaque = pathCheckType;
  readonly of: AuthorizerValue;
  readonly path: string;

  constructor(of: AuthorizerValue, path: string) {
    this.of = of;
    this.path = path;
  }

  equals(other: Opaque): boolean {
    return other === this;
  }
}

interface ResourceParts {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

class ResourceCheck implements Opaque {
  readonly opaque: Opaque['opaque'];
  readonly of: AuthorizerValue;
  readonly parts: ResourceParts;

  constructor(of: AuthorizerValue, parts: ResourceParts) {
    this.of = of;
    this.parts = parts;
    this.opaque = parts.resource === '' ? groupCheckType : resourceCheckType;
  }

  equals(other: Opaque): boolean {
    return other === this;
  }

  with(parts: Partial<ResourceParts>): ResourceCheck {
    return new ResourceCheck(this.of, { ...this.parts, ...parts });
  }
}

class DecisionValue implements Opaque {
  readonly opaque = decisionType;
  readonly allowed: boolean;
  readonly reason: string;
  readonly error: string;

  constructor(decision: ReturnType<Decide>) {
    const failed = 'error' in decision;
    this.allowed = !failed && decision.allowed;
    this.reason = failed ? '' : decision.reason;
    this.error = failed ? decision.error : '';
  }

  equals(other: Opaque): boolean {
    return other === this;
  }
}

/** The variable `authorizer`. */
export function authorizerOf(user: User, decide: Decide): Opaque {
  return new AuthorizerValue(user, decide);
}

/** The variable `authorizer.requestResource`. */
export function requestResource(user: User, decide: Decide, parts: ResourceParts): Opaque {
  return new ResourceCheck(new AuthorizerValue(user, decide), parts);
}

const blank = (text: string) => text.trim() === '';
const parts: ResourceParts = { group: '', resource: '', subresource: '', namespace: '', name: '' };

function path(authorizer: Value, text: Value): Result {
  if (blank(text as string)) return new CelError('path must not be empty');
  return new PathCheck(authorizer as AuthorizerValue, text as string);
}

function resource(check: Value, text: Value): Result {
  if (blank(text as string)) return new CelError('resource must not be empty');
  return (check as ResourceCheck).with({ resource: text as string });
}

function serviceAccount(authorizer: Value, namespace: Value, name: Value): Result {
  if (dns1123Subdomain(name as string).length > 0) return new CelError('Invalid service account name');
  if (dns1123Label(namespace as string).length > 0) return new CelError('Invalid service account namespace');
  const user: User = {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
  return new AuthorizerValue(user, (authorizer as AuthorizerValue).decide);
}

function checkPath(check: Value, verb: Value): Result {
  const { of, path } = check as PathCheck;
  const { user, decide } = of;
  return new DecisionValue(decide(pathAttributes(user, verb as string, path)));
}

function checkResource(check: Value, verb: Value): Result {
  const { of, parts } = check as ResourceCheck;
  const { group, resource, subresource, namespace, name } = parts;
  const attributes = { user: of.user, verb: verb as string, namespace, group, resource, subresource, name, path: '' };
  return new DecisionValue(of.decide(attributes));
}

const set = (key: keyof ResourceParts) => (check: Value, text: Value) =>
  (check as ResourceCheck).with({ [key]: text as string });
const check = `${space}.ResourceCheck`;
const same = `${check}.(string): ${check}`;

/** Kubernetes' authorizer. */
export const authorization: readonly FunctionDeclaration[] = [
  declare('path', { authorizer_path: [`${space}.Authorizer.(string): ${space}.PathCheck`, path] }),
  declare('group', {
    authorizer_group: [
      `${space}.Authorizer.(string): ${space}.GroupCheck`,
      (of, group) => new ResourceCheck(of as AuthorizerValue, { ...parts, group: group as string }),
    ],
  }),
  declare('serviceAccount', {
    authorizer_serviceaccount: [`${space}.Authorizer.(string, string): ${space}.Authorizer`, serviceAccount],
  }),
  declare('resource', { groupcheck_resource: [`${space}.GroupCheck.(string): ${check}`, resource] }),
  declare('subresource', { resourcecheck_subresource: [same, set('subresource')] }),
  declare('namespace', { resourcecheck_namespace: [same, set('namespace')] }),
  declare('name', { resourcecheck_name: [same, set('name')] }),
  declare('check', {
    pathcheck_check: [`${space}.PathCheck.(string): ${space}.Decision`, checkPath],
    resourcecheck_check: [`${check}.(string): ${space}.Decision`, checkResource],
  }),
  declare('errored', {
    decision_errored: [`${space}.Decision.(): bool`, (value) => (value as DecisionValue).error !== ''],
  }),
  declare('error', { decision_error: [`${space}.Decision.(): string`, (value) => (value as DecisionValue).error] }),
  declare('allowed', { decision_allowed: [`${space}.Decision.(): bool`, (value) => (value as DecisionValue).allowed] }),
  declare('reason', { decision_reason: [`${space}.Decision.(): string`, (value) => (value as DecisionValue).reason] }),
  declare('fieldSelector', { authorizer_fieldselector: [same, set('fieldSelector')] }),
  declare('labelSelector', { authorizer_labelselector: [same, set('labelSelector')] }),
];

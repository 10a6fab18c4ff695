import type { FieldError } from '../../resource-definition.ts';
import { child, duplicate, invalid, required } from '../../resources/field.ts';
import { domainPrefixedPath } from '../../resources/paths.ts';
import { IdentityExpression } from './claim-expressions.ts';
import type { ClaimRuleFields, JwtFields, MappingFields } from './configuration-schema.ts';
import { ExpressionError } from './expression-error.ts';
import type { IdentityRule, JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';

type Identity = Pick<
  JwtAuthenticatorOptions,
  'username' | 'groups' | 'uid' | 'extra' | 'requiredClaims' | 'claimRules' | 'userRules'
>;

const both = "claim and expression can't both be set";

/** Whom an issuer's tokens are for, and what has to be true of them (apiserver/validation); adds what is wrong to `errors`. */
export function identityOf(
  { claimValidationRules = [], claimMappings, userValidationRules = [] }: JwtFields,
  at: string,
  errors: FieldError[],
): Identity {
  const reader = new IdentityReader(errors);
  const claimRules = reader.claimRules(claimValidationRules, child(at, 'claimValidationRules'));
  const mappings = child(at, 'claimMappings');
  const username = reader.mapping(claimMappings.username, child(mappings, 'username'));
  const groups = reader.mapping(claimMappings.groups, child(mappings, 'groups'), false);
  const uid = reader.uid(claimMappings.uid, child(mappings, 'uid'));
  const extra = reader.extra(claimMappings.extra ?? [], child(mappings, 'extra'));
  const used = username instanceof IdentityExpression ? [username] : [];
  const looked = [...used, ...extra, ...claimRules].map((one) => ('expression' in one ? one.expression : one));
  if (used.some((one) => one.uses('email')) && !looked.some((one) => one.uses('email_verified')))
    errors.push(
      invalid(
        child(mappings, 'username.expression'),
        claimMappings.username.expression,
        'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
      ),
    );
  return {
    username: username ?? { claim: '', prefix: '' },
    ...(groups ? { groups } : {}),
    ...(uid ? { uid } : {}),
    extra,
    requiredClaims: Object.fromEntries(
      claimValidationRules.flatMap(({ claim, requiredValue = '' }) => (claim ? [[claim, requiredValue]] : [])),
    ),
    claimRules,
    userRules: reader.userRules(userValidationRules, child(at, 'userValidationRules')),
  };
}

class IdentityReader {
  readonly #errors: FieldError[];

  constructor(errors: FieldError[]) {
    this.#errors = errors;
  }

  claimRules(rules: readonly ClaimRuleFields[], list: string): IdentityRule[] {
    const seen = { claims: new Set<string>(), expressions: new Set<string>() };
    return rules.flatMap(({ claim = '', requiredValue = '', expression = '', message = '' }, i) => {
      const at = `${list}[${i}]`;
      if (claim !== '' && expression !== '') this.#errors.push(invalid(at, claim, both));
      else if (claim !== '') {
        if (message !== '')
          this.#errors.push(invalid(child(at, 'message'), message, 'may not be specified when claim is set'));
        this.#isNew(seen.claims, claim, child(at, 'claim'));
      } else if (expression === '') this.#errors.push(required(at, 'claim or expression is required'));
      else {
        if (requiredValue !== '')
          this.#errors.push(
            invalid(child(at, 'requiredValue'), requiredValue, 'may not be specified when expression is set'),
          );
        return this.#rule({ expression, message }, 'claims', { at: child(at, 'expression'), seen: seen.expressions });
      }
      return [];
    });
  }

  userRules(
    rules: readonly { readonly expression?: string; readonly message?: string }[],
    list: string,
  ): IdentityRule[] {
    const seen = new Set<string>();
    return rules.flatMap(({ expression = '', message = '' }, i) => {
      const at = `${list}[${i}].expression`;
      if (expression !== '') return this.#rule({ expression, message }, 'user', { at, seen });
      this.#errors.push(required(at));
      return [];
    });
  }

  mapping(fields: MappingFields, at: string, isRequired = true): Identity['username'] | undefined {
    const { claim = '', prefix, expression = '' } = fields;
    if (claim !== '' && expression !== '') this.#errors.push(invalid(at, '', both));
    else if (expression !== '') {
      if (prefix !== undefined)
        this.#errors.push(invalid(child(at, 'prefix'), prefix, 'may not be specified when expression is set'));
      return this.#compiled(expression, child(at, 'expression'));
    } else if (claim !== '') {
      if (prefix === undefined)
        this.#errors.push(
          required(
            child(at, 'prefix'),
            'prefix is required when claim is set. It can be set to an empty string to disable prefixing',
          ),
        );
      return { claim, prefix: prefix ?? '' };
    } else if (isRequired) this.#errors.push(required(at, 'claim or expression is required'));
    return undefined;
  }

  uid({ claim = '', expression = '' }: MappingFields, at: string): Identity['uid'] {
    if (claim !== '' && expression !== '') this.#errors.push(invalid(at, '', both));
    else if (claim !== '') return { claim };
    else if (expression !== '') return this.#compiled(expression, child(at, 'expression'));
    return undefined;
  }

  extra(mappings: NonNullable<JwtFields['claimMappings']['extra']>, list: string): NonNullable<Identity['extra']> {
    const seen = new Set<string>();
    return mappings.flatMap(({ key = '', valueExpression = '' }, i) => {
      const [at, value] = [`${list}[${i}].key`, `${list}[${i}].valueExpression`];
      const domain = key.includes('/') ? (key.split('/', 1)[0] as string) : '';
      this.#errors.push(...domainPrefixedPath(key, at));
      if (key !== key.toLowerCase()) this.#errors.push(invalid(at, key, 'must be lowercase'));
      if (/(^|\.)(kubernetes|k8s)\.io$/.test(domain))
        this.#errors.push(
          invalid(at, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'),
        );
      if (!this.#isNew(seen, key, at)) return [];
      if (valueExpression === '') this.#errors.push(required(value));
      const expression = valueExpression === '' ? undefined : this.#compiled(valueExpression, value);
      return expression ? [{ key, expression }] : [];
    });
  }

  #rule(
    { expression, message }: { readonly expression: string; readonly message: string },
    variable: 'claims' | 'user',
    { at, seen }: { readonly at: string; readonly seen: Set<string> },
  ): IdentityRule[] {
    const compiled = this.#isNew(seen, expression, at) && this.#compiled(expression, at, { variable, truth: true });
    return compiled ? [{ expression: compiled, message }] : [];
  }

  #isNew(seen: Set<string>, text: string, at: string): boolean {
    if (seen.has(text)) this.#errors.push(duplicate(at, text));
    return seen.size < seen.add(text).size;
  }

  #compiled(
    text: string,
    at: string,
    { variable = 'claims', truth = false }: { readonly variable?: 'claims' | 'user'; readonly truth?: boolean } = {},
  ): IdentityExpression | undefined {
    try {
      return new IdentityExpression(text, variable, { truth });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.#errors.push(invalid(at, text, error.message));
      return undefined;
    }
  }
}

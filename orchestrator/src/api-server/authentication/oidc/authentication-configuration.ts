import { messageOf } from '@berth/kit';
import { aggregate } from '../../aggregate.ts';
import { readConfiguration } from '../../configuration/read-configuration.ts';
import { readFileText } from '../../configuration/read-file-text.ts';
import type { FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, goJson, invalid, tooMany } from '../../resources/field.ts';
import { issuerErrors } from './check-issuer.ts';
import { type AuthenticationFile, authenticationForm, type JwtFields } from './configuration-schema.ts';
import { identityOf } from './identity-rules.ts';
import { signingAlgorithms } from './jwt.ts';
import type { JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';

/** What a file of --authentication-config says. */
export interface AuthenticationConfiguration {
  readonly issuers: readonly JwtAuthenticatorOptions[];
  /** Absent: the file says nothing of it. */
  readonly anonymous?: { readonly enabled: boolean; readonly paths: readonly string[] };
}

const mostIssuers = 64;

/** The file's text. @throws RangeError */
export async function readAuthenticationConfiguration(path: string): Promise<string> {
  return readFileText(path).catch((error: RangeError) => {
    throw notLoaded(path, error.message);
  });
}

/** `own`: whose tokens are made here. `before`: what it said at the start, of which some may not change. @throws RangeError – in upstream's words. */
export function parseAuthenticationConfiguration(
  text: string,
  about: {
    readonly path: string;
    readonly own: readonly string[];
    readonly before?: AuthenticationConfiguration;
  },
): AuthenticationConfiguration {
  const { jwt = [], anonymous } = fileOf(text, about.path);
  const errors: FieldError[] = [];
  const issuers = jwt.length > mostIssuers ? [] : issuersOf(jwt, about.own, errors);
  if (jwt.length > mostIssuers) errors.push(tooMany('jwt', jwt.length, mostIssuers));
  const { enabled = false, conditions = [] } = anonymous ?? {};
  const paths = conditions.map(({ path = '' }) => path);
  if (!enabled && paths.length > 0)
    errors.push(
      invalid(
        'anonymous.conditions',
        paths.map((Path) => ({ Path })),
        'enabled should be set to true when conditions are defined',
      ),
    );
  const configuration = anonymous === undefined ? { issuers } : { issuers, anonymous: { enabled, paths } };
  if (about.before && goJson(about.before.anonymous ?? null) !== goJson(configuration.anonymous ?? null))
    errors.push(forbidden('anonymous', 'changed from initial configuration file'));
  const selector = jwt.find(({ issuer }) => issuer.egressSelectorType)?.issuer.egressSelectorType;
  // There is no --egress-selector-config-file here.
  if (errors.length === 0 && selector)
    throw new RangeError(`oidc: egress lookup required with egress selector type "${selector}"`);
  if (errors.length === 0) return configuration;
  throw new RangeError(wrongConfiguration(errors));
}

/** What is wrong, in upstream's words. */
export function wrongConfiguration(errors: readonly FieldError[]): string {
  return `invalid authentication configuration: ${aggregate(errors.map(({ field, message }) => `${field}: ${message}`))}`;
}

function fileOf(text: string, path: string): AuthenticationFile {
  if (text === '') throw notLoaded(path, 'empty config data');
  try {
    return readConfiguration(text, authenticationForm);
  } catch (error) {
    throw notLoaded(path, messageOf(error));
  }
}

function notLoaded(path: string, why: string): RangeError {
  return new RangeError(`failed to load authentication configuration from file "${path}": ${why}`);
}

function issuersOf(
  jwt: readonly JwtFields[],
  own: readonly string[],
  errors: FieldError[],
): readonly JwtAuthenticatorOptions[] {
  const [urls, discoveryUrls] = [new Set<string>(), new Set<string>()];
  return jwt.map((fields, i) => {
    const at = `jwt[${i}]`;
    const { url = '', discoveryURL = '', certificateAuthority: ca, audiences = [] } = fields.issuer;
    errors.push(...issuerErrors(fields.issuer, `${at}.issuer`, own));
    const identity = identityOf(fields, at, errors);
    if (urls.has(url)) errors.push(duplicate(`${at}.issuer.url`, url));
    if (discoveryURL !== '' && discoveryUrls.has(discoveryURL))
      errors.push(duplicate(`${at}.issuer.discoveryURL`, discoveryURL));
    urls.add(url);
    discoveryUrls.add(discoveryURL);
    return {
      issuer: url,
      ...(discoveryURL === '' ? {} : { discoveryUrl: discoveryURL }),
      ...(ca ? { ca } : {}),
      audiences,
      algorithms: signingAlgorithms,
      ...identity,
    };
  });
}

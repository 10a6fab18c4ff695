import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { signingAlgorithms } from './jwt.ts';
import type { ClaimMapping, JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';

/** What a file of --authentication-config says (apiserver.config.k8s.io AuthenticationConfiguration). */
export interface AuthenticationConfiguration {
  readonly issuers: readonly JwtAuthenticatorOptions[];
  /** Absent: the file says nothing of it. */
  readonly anonymous?: { readonly enabled: boolean; readonly paths: readonly string[] };
}

type Fields = Readonly<Record<string, unknown>>;

const flag = '--authentication-config';
const versions = new Set(['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`));

/** @throws RangeError – the file cannot be read, or says what is not understood: nothing of it is left out in silence. */
export async function readAuthenticationConfiguration(path: string): Promise<AuthenticationConfiguration> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`${flag} ${path} cannot be read: ${error.code}`);
  });
  const reader = new Reader(path);
  const file = reader.parse(text);
  reader.known(file, '', ['apiVersion', 'kind', 'jwt', 'anonymous']);
  if (file['kind'] !== 'AuthenticationConfiguration' || !versions.has(String(file['apiVersion'])))
    throw reader.wrong('', 'is no AuthenticationConfiguration of apiserver.config.k8s.io/v1');
  const jwt = reader.list(file['jwt'], 'jwt');
  const issuers = jwt.map((each, index) => issuerOf(reader, each, `jwt[${index}]`));
  const repeated = issuers.find(({ issuer }, index) => issuers.findIndex((one) => one.issuer === issuer) < index);
  if (repeated) throw reader.wrong('jwt', `has the issuer ${JSON.stringify(repeated.issuer)} twice`);
  const { anonymous } = file;
  return anonymous === undefined ? { issuers } : { issuers, anonymous: anonymousOf(reader, anonymous) };
}

function issuerOf(reader: Reader, value: unknown, at: string): JwtAuthenticatorOptions {
  const fields = reader.record(value, at);
  reader.known(fields, at, ['issuer', 'claimValidationRules', 'claimMappings', 'userValidationRules']);
  const issuer = reader.record(fields['issuer'], `${at}.issuer`);
  reader.known(issuer, `${at}.issuer`, [
    'url',
    'discoveryURL',
    'certificateAuthority',
    'audiences',
    'audienceMatchPolicy',
  ]);
  const url = reader.httpsUrl(issuer['url'], `${at}.issuer.url`);
  const audiences = reader.list(issuer['audiences'], `${at}.issuer.audiences`).map(String);
  if (audiences.length === 0) throw reader.wrong(`${at}.issuer.audiences`, 'at least one is required');
  if (audiences.length > 1 && issuer['audienceMatchPolicy'] !== 'MatchAny')
    throw reader.wrong(`${at}.issuer.audienceMatchPolicy`, 'must be MatchAny for multiple audiences');
  const { discoveryURL, certificateAuthority: ca } = issuer;
  const mappings = reader.record(fields['claimMappings'], `${at}.claimMappings`);
  reader.known(mappings, `${at}.claimMappings`, ['username', 'groups', 'uid']);
  const uid = mappings['uid'] === undefined ? undefined : reader.record(mappings['uid'], `${at}.claimMappings.uid`);
  if (uid) reader.known(uid, `${at}.claimMappings.uid`, ['claim']);
  if (fields['userValidationRules'] !== undefined) throw reader.unsupported(`${at}.userValidationRules`);
  return {
    issuer: url,
    ...(discoveryURL ? { discoveryUrl: reader.httpsUrl(discoveryURL, `${at}.issuer.discoveryURL`) } : {}),
    ...(ca ? { ca: String(ca) } : {}),
    audiences,
    algorithms: signingAlgorithms,
    username: mappingOf(reader, mappings['username'], `${at}.claimMappings.username`),
    ...(mappings['groups'] === undefined
      ? {}
      : { groups: mappingOf(reader, mappings['groups'], `${at}.claimMappings.groups`) }),
    ...(uid ? { uidClaim: String(uid['claim']) } : {}),
    requiredClaims: requiredClaimsOf(reader, fields['claimValidationRules'], `${at}.claimValidationRules`),
  };
}

function mappingOf(reader: Reader, value: unknown, at: string): ClaimMapping {
  const fields = reader.record(value, at);
  reader.known(fields, at, ['claim', 'prefix']);
  const { claim, prefix } = fields;
  if (typeof claim !== 'string' || claim === '') throw reader.wrong(`${at}.claim`, 'claim or expression is required');
  if (typeof prefix !== 'string')
    throw reader.wrong(
      `${at}.prefix`,
      'prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    );
  return { claim, prefix };
}

function requiredClaimsOf(reader: Reader, value: unknown, at: string): Record<string, string> {
  const rules = value === undefined ? [] : reader.list(value, at);
  return Object.fromEntries(
    rules.map((rule, index) => {
      const fields = reader.record(rule, `${at}[${index}]`);
      reader.known(fields, `${at}[${index}]`, ['claim', 'requiredValue']);
      return [String(fields['claim']), String(fields['requiredValue'] ?? '')];
    }),
  );
}

function anonymousOf(reader: Reader, value: unknown) {
  const fields = reader.record(value, 'anonymous');
  reader.known(fields, 'anonymous', ['enabled', 'conditions']);
  const conditions =
    fields['conditions'] === undefined ? [] : reader.list(fields['conditions'], 'anonymous.conditions');
  const paths = conditions.map((each, index) => String(reader.record(each, `anonymous.conditions[${index}]`)['path']));
  return { enabled: fields['enabled'] === true, paths };
}

/** Reads fields and names the file and the place of what is wrong. */
class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  parse(text: string): Fields {
    try {
      return this.record(parseYaml(text, { maxAliasCount: 10 }), '');
    } catch (error) {
      throw error instanceof RangeError ? error : this.wrong('', (error as Error).message);
    }
  }

  record(value: unknown, at: string): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    throw this.wrong(at, value === undefined ? 'is required' : 'is no object');
  }

  list(value: unknown, at: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    throw this.wrong(at, value === undefined ? 'is required' : 'is no list');
  }

  httpsUrl(value: unknown, at: string): string {
    if (typeof value === 'string' && URL.canParse(value) && value.startsWith('https://')) return value;
    throw this.wrong(at, 'URL scheme must be https');
  }

  known(fields: Fields, at: string, names: readonly string[]): void {
    const other = Object.keys(fields).find((name) => !names.includes(name));
    if (other !== undefined) throw this.unsupported(at === '' ? other : `${at}.${other}`);
  }

  unsupported(at: string): RangeError {
    return this.wrong(at, 'is not supported');
  }

  wrong(at: string, why: string): RangeError {
    return new RangeError(`${flag} ${this.#path}: ${at === '' ? '' : `${at}: `}${why}`);
  }
}

import { readFile } from 'node:fs/promises';
import { required } from '../../resources/field.ts';
import { wrongConfiguration } from './authentication-configuration.ts';
import { issuerErrors } from './check-issuer.ts';
import { type SigningAlgorithm, signingAlgorithms } from './jwt.ts';
import type { JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';

/** kube-apiserver's --oidc-* flags. */
export interface OidcFlags {
  readonly issuerUrl?: string;
  readonly clientId?: string;
  readonly caFile?: string;
  readonly usernameClaim?: string;
  readonly usernamePrefix?: string;
  readonly groupsClaim?: string;
  readonly groupsPrefix?: string;
  readonly signingAlgs?: readonly string[];
  /** `KEY=VALUE` each. */
  readonly requiredClaims?: readonly string[];
}

/** The issuer that the flags name. @throws RangeError – flags that do not go together, a file that cannot be read. */
export async function issuerOfFlags(flags: OidcFlags): Promise<JwtAuthenticatorOptions> {
  const { issuerUrl = '', clientId = '', caFile } = flags;
  if (issuerUrl === '' || clientId === '')
    throw new RangeError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set');
  const { usernameClaim = 'sub', groupsClaim, groupsPrefix = '', signingAlgs = ['RS256'] } = flags;
  // As if a file said it.
  const errors = [
    ...issuerErrors({ url: issuerUrl, audiences: [clientId] }, 'jwt[0].issuer', []),
    ...(usernameClaim === '' ? [required('jwt[0].claimMappings.username', 'claim or expression is required')] : []),
  ];
  if (errors.length > 0) throw new RangeError(wrongConfiguration(errors));
  const ca = caFile === undefined ? undefined : await authority(caFile);
  return {
    issuer: issuerUrl,
    ...(ca === undefined ? {} : { ca }),
    audiences: [clientId],
    algorithms: signingAlgs.map(algorithmOf),
    username: { claim: usernameClaim, prefix: prefixOf(usernameClaim, issuerUrl, flags.usernamePrefix) },
    ...(groupsClaim ? { groups: { claim: groupsClaim, prefix: groupsPrefix } } : {}),
    requiredClaims: Object.fromEntries((flags.requiredClaims ?? []).map(requiredClaim)),
  };
}

/** Names of an issuer are told from others' by it, unless they are addresses; `-` leaves them as they are. */
function prefixOf(claim: string, issuer: string, given = ''): string {
  if (given === '-') return '';
  if (given !== '') return given;
  return claim === 'email' ? '' : `${issuer}#`;
}

function algorithmOf(name: string): SigningAlgorithm {
  const known = signingAlgorithms.find((one) => one === name);
  if (known) return known;
  throw new RangeError(`oidc: unsupported signing alg: ${JSON.stringify(name)}`);
}

function requiredClaim(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new RangeError(`--oidc-required-claim takes KEY=VALUE, not "${text}"`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

async function authority(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`--oidc-ca-file ${path} cannot be read: ${error.code}`);
  });
}

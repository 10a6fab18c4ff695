import { readFile } from 'node:fs/promises';
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

/** The issuer that the flags name, if they name one. @throws RangeError – flags that do not go together, a file that cannot be read. */
export async function issuerOfFlags(flags: OidcFlags): Promise<JwtAuthenticatorOptions | undefined> {
  const { issuerUrl = '', clientId = '', caFile } = flags;
  if ((issuerUrl === '') !== (clientId === ''))
    throw new RangeError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set');
  if (issuerUrl === '') return undefined;
  if (!URL.canParse(issuerUrl) || !issuerUrl.startsWith('https://'))
    throw new RangeError(`--oidc-issuer-url "${issuerUrl}": URL scheme must be https`);
  const { usernameClaim = 'sub', groupsClaim, groupsPrefix = '', signingAlgs = ['RS256'] } = flags;
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
  throw new RangeError(`--oidc-signing-algs: "${name}" is none of ${signingAlgorithms.join(', ')}`);
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

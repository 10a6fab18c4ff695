import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from '@berth/kit';
import type { Command } from 'commander';
import { type TokenKey, tokenKey, tokenKeysOf } from '../api-server/tokens/token-keys.ts';
import { BerthError } from './berth-error.ts';
import type { Pki } from './pki.ts';

/** Upstream's clusters have this one. */
const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export interface ServiceAccountFlags {
  readonly serviceAccountIssuer?: readonly string[];
  readonly apiAudiences?: readonly string[];
  readonly serviceAccountKeyFile?: readonly string[];
  readonly serviceAccountSigningKeyFile?: string;
  readonly serviceAccountJwksUri?: string;
}

/** Whose tokens those of service accounts are. */
export interface ServiceAccountOptions {
  readonly issuer: string;
  readonly otherIssuers: readonly string[];
  readonly audiences?: readonly string[];
  readonly keyFiles: readonly string[];
  readonly signingKeyFile?: string;
  readonly keySetUri?: string;
}

/** kube-apiserver's flags. */
export function addServiceAccountFlags(command: Command): void {
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  const listed = (value: string, before: readonly string[] = []) => [...before, ...value.split(',')];
  command
    .option(
      '--service-account-issuer <issuer>',
      `who signs tokens of service accounts; others, given behind it, are believed as well (default: ${defaultIssuer})`,
      each,
    )
    .option('--api-audiences <names>', 'what tokens for this server are for (default: the issuers)', listed)
    .option(
      '--service-account-key-file <file>',
      'keys, in PEM, by which alone tokens are verified; may be repeated (default: the key that signs)',
      each,
    )
    .option('--service-account-signing-key-file <file>', 'the private key that signs (default: DATA/pki/sa.key)')
    .option('--service-account-jwks-uri <uri>', 'where others find the keys (default: at this server)');
}

/** Words are kube-apiserver's. @throws BerthError Usage */
export function serviceAccountsOf(flags: ServiceAccountFlags): ServiceAccountOptions {
  const { serviceAccountIssuer = [defaultIssuer], serviceAccountKeyFile: keyFiles = [] } = flags;
  const { apiAudiences: audiences, serviceAccountSigningKeyFile, serviceAccountJwksUri: keySetUri } = flags;
  for (const [index, issuer] of serviceAccountIssuer.entries()) {
    const shown = JSON.stringify(issuer);
    if (issuer === '') throw new BerthError('Usage', 'service-account-issuer should not be an empty string');
    if (issuer.includes(':') && !URL.canParse(issuer))
      throw new BerthError('Usage', `service-account-issuer ${shown} contained a ':' but was not a valid URL`);
    if (serviceAccountIssuer.indexOf(issuer) < index)
      throw new BerthError('Usage', `service-account-issuer ${shown} is already specified`);
  }
  if (keySetUri !== undefined && !keySetUri.startsWith('https://'))
    throw new BerthError('Usage', `service-account-jwks-uri requires https scheme, parsed as: ${keySetUri}`);
  const [issuer = defaultIssuer, ...otherIssuers] = serviceAccountIssuer;
  return {
    issuer,
    otherIssuers,
    keyFiles,
    ...(audiences === undefined ? {} : { audiences }),
    ...(serviceAccountSigningKeyFile === undefined ? {} : { signingKeyFile: serviceAccountSigningKeyFile }),
    ...(keySetUri === undefined ? {} : { keySetUri }),
  };
}

/** The keys of a data directory, but with the key that the flag has for tokens. @throws BerthError Usage */
export async function signingAs(
  { serviceAccounts }: { readonly serviceAccounts: ServiceAccountOptions },
  pki: Pki,
): Promise<Pki> {
  const { signingKeyFile } = serviceAccounts;
  if (signingKeyFile === undefined) return pki;
  const serviceAccountKey = await read('--service-account-signing-key-file', signingKeyFile, (pem) => {
    tokenKey(createPublicKey(createPrivateKey(pem)));
    return pem;
  });
  return { ...pki, serviceAccountKey };
}

/** By which alone tokens are verified, as upstream; undefined: by the key that signs. @throws BerthError Usage */
export async function verifyingKeysOf({ keyFiles }: ServiceAccountOptions): Promise<readonly TokenKey[] | undefined> {
  if (keyFiles.length === 0) return undefined;
  const keys = keyFiles.map((file) => read('--service-account-key-file', file, tokenKeysOf));
  return (await Promise.all(keys)).flat();
}

async function read<T>(flag: string, file: string, parse: (pem: string) => T): Promise<T> {
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new BerthError('Usage', `${flag} ${file} cannot be used: ${messageOf(cause)}`, { cause });
  }
}

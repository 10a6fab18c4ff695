import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TLSSocket } from 'node:tls';
import type { User } from '../user.ts';
import { certificatesOf, isIssuedBy } from './certificate-roots.ts';

/** kube-apiserver's --requestheader-* flags. */
export interface FrontProxyOptions {
  readonly clientCaFile: string;
  /** Common names of proxies; empty: any that the authority has signed for. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Knows users by what a proxy that has authenticated them says in headers (apiserver headerrequest). */
export class FrontProxy {
  #ca: string;
  #roots: readonly X509Certificate[];
  readonly #options: FrontProxyOptions;

  constructor(ca: string, options: FrontProxyOptions) {
    this.#options = options;
    this.#ca = ca;
    this.#roots = certificatesOf(ca);
  }

  /** PEM: whose certificates proxies have. */
  get ca(): string {
    return this.#ca;
  }

  get caFile(): string {
    return this.#options.clientCaFile;
  }

  /** From now on proxies have certificates of these. @throws Error – there is none, or one that cannot be read. */
  trust(ca: string): void {
    this.#roots = certificatesOf(ca);
    this.#ca = ca;
  }

  /** Who a request is for, where a proxy sent it. Header by header, as they came: a group's name may have a comma. */
  userOf(rawHeaders: readonly string[], socket: TLSSocket, now: number): User | undefined {
    const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#options;
    if (!hasAny(rawHeaders, usernameHeaders)) return undefined;
    const headers = valuesByName(rawHeaders);
    const name = firstOf(headers, usernameHeaders);
    if (name === undefined || !this.#isProxy(socket, now)) return undefined;
    const uid = firstOf(headers, uidHeaders);
    const extra = extraOf(headers, extraHeaderPrefixes);
    return {
      name,
      groups: groupHeaders.flatMap((header) => (headers.get(header.toLowerCase()) ?? []).filter((one) => one !== '')),
      ...(uid === undefined ? {} : { uid }),
      ...(Object.keys(extra).length > 0 ? { extra } : {}),
    };
  }

  /** What servers behind this one need to know the same proxies by. */
  published(): Record<string, string> {
    const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#options;
    return {
      'requestheader-client-ca-file': this.ca,
      'requestheader-allowed-names': JSON.stringify(allowedNames),
      'requestheader-username-headers': JSON.stringify(usernameHeaders),
      ...(uidHeaders.length > 0 ? { 'requestheader-uid-headers': JSON.stringify(uidHeaders) } : {}),
      'requestheader-group-headers': JSON.stringify(groupHeaders),
      'requestheader-extra-headers-prefix': JSON.stringify(extraHeaderPrefixes),
    };
  }

  #isProxy(socket: TLSSocket, now: number): boolean {
    if (!socket.authorized) return false;
    const certificate = socket.getPeerCertificate();
    if (Date.parse(certificate.valid_to) < now) return false;
    const { CN } = certificate.subject ?? {};
    const { allowedNames } = this.#options;
    if (allowedNames.length > 0 && !(typeof CN === 'string' && allowedNames.includes(CN))) return false;
    return isIssuedBy(socket, this.#roots);
  }
}

/** @throws RangeError – the authority's file cannot be read or has no certificate. */
export async function frontProxyOf(options: FrontProxyOptions): Promise<FrontProxy> {
  const where = `--requestheader-client-ca-file ${options.clientCaFile}`;
  const ca = await readFile(options.clientCaFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`${where} cannot be read: ${error.code}`);
  });
  try {
    return new FrontProxy(ca, options);
  } catch {
    throw new RangeError(`${where}: data does not contain any valid RSA or ECDSA certificates`);
  }
}

type Headers = ReadonlyMap<string, readonly string[]>;

function valuesByName(rawHeaders: readonly string[]): Headers {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const known = values.get(name);
    if (known) known.push(rawHeaders[i + 1] as string);
    else values.set(name, [rawHeaders[i + 1] as string]);
  }
  return values;
}

/** Most requests come from no proxy: they are asked no more than this. */
function hasAny(rawHeaders: readonly string[], names: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as string;
    if (names.some((name) => name.length === header.length && name.toLowerCase() === header.toLowerCase())) return true;
  }
  return false;
}

function firstOf(headers: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers.get(name.toLowerCase())?.[0];
    if (value) return value;
  }
  return undefined;
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const prefix of prefixes.map((one) => one.toLowerCase()))
    for (const [header, values] of headers)
      if (header.startsWith(prefix)) {
        const key = decoded(header.slice(prefix.length));
        extra.set(key, [...(extra.get(key) ?? []), ...values]);
      }
  return Object.fromEntries(extra);
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

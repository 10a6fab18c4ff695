import type { Clock, Logger } from '@berth/kit';
import { certificatesOf } from '../authentication/certificate-roots.ts';
import type { FrontProxy } from '../authentication/front-proxy.ts';
import { type FollowedFile, followFile } from '../configuration/follow-file.ts';
import { followKeyPair } from '../configuration/follow-key-pair.ts';
import type { Credentials, Listener, ListenOptions } from './listener.ts';

export interface FollowedCredentials {
  readonly listener: Listener;
  /** What it was begun with. */
  readonly options: ListenOptions;
  readonly frontProxy: FrontProxy | undefined;
  /** Tells who is believed, since that has changed. */
  readonly publish: (clientCa: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface FollowedFiles extends Pick<FollowedFile, 'of' | 'clock' | 'log'> {
  readonly files: Credentials;
  /** What they say, as long as nothing changed. */
  readonly now: Credentials;
  readonly use: (credentials: Credentials) => void | Promise<void>;
}

/** Follows the files of a listener, and tells who is believed. */
export function followCredentials(followed: FollowedCredentials, signal: AbortSignal): void {
  const { listener, options, frontProxy, publish, clock, log } = followed;
  const { files } = options;
  const { cert, key, clientCa } = options;
  let now: Credentials = { cert, key, clientCa };
  let published = clientCa;
  const tell = async () => {
    const { clientCa: said } = now;
    await publish(said);
    published = said;
  };
  const use = (next: Credentials) => {
    listener.renew(next);
    now = next;
    return now.clientCa === published ? undefined : tell();
  };
  if (files) followCredentialFiles({ files, now, of: 'this server', use, clock, log }, signal);
  if (!frontProxy) return;
  const trust = async (ca: string) => {
    checkAuthorities(ca);
    frontProxy.trust(ca);
    listener.renew(now);
    await tell();
  };
  const { caFile: path, ca: text } = frontProxy;
  const of = 'the authorities of front proxies';
  followFile({ path, text, of, use: trust, clock, log, reloaded: () => undefined }, signal);
}

/**
 * Reads certificate, key and authorities again when their files change; what is wrong or half-written then changes nothing
 * (apiserver dynamiccertificates). `of`: whose they are.
 */
export function followCredentialFiles({ files, now, of, use, ...how }: FollowedFiles, signal: AbortSignal): void {
  let known = now;
  const renew = async (next: Partial<Credentials>) => {
    const all = { ...known, ...next };
    const used = use(all);
    // What changes while others are told of this is not to bring back what was before.
    known = all;
    await used;
  };
  followKeyPair({ ...how, files, now, of: `the certificate and key of ${of}`, use: renew }, signal);
  const believe = async (clientCa: string) => {
    checkAuthorities(clientCa);
    await renew({ clientCa });
  };
  const authorities = { path: files.clientCa, text: now.clientCa, of: 'the authorities of clients', use: believe };
  followFile({ ...how, ...authorities, reloaded: () => undefined }, signal);
}

function checkAuthorities(pem: string): void {
  try {
    certificatesOf(pem);
  } catch (cause) {
    throw new RangeError('data does not contain any valid RSA or ECDSA certificates', { cause });
  }
}

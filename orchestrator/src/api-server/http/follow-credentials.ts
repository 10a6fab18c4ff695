import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock, Logger } from '@berth/kit';
import { certificatesOf } from '../authentication/certificate-roots.ts';
import type { FrontProxy } from '../authentication/front-proxy.ts';
import { followFile } from '../configuration/follow-file.ts';
import { readFileText } from '../configuration/read-file-text.ts';
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

/**
 * Reads certificate, key and authorities again when their files change; what is wrong or half-written then changes nothing
 * (apiserver dynamiccertificates).
 */
export function followCredentials(followed: FollowedCredentials, signal: AbortSignal): void {
  const { listener, options, frontProxy, publish, clock, log } = followed;
  let { cert, key, clientCa } = options;
  const follow = (path: string, text: string, of: string, use: (now: string) => Promise<void>) =>
    followFile({ path, text, of, use, clock, log, reloaded: () => undefined }, signal);
  const renew = (next: Partial<Credentials>) => {
    const credentials = { cert, key, clientCa, ...next };
    listener.renew(credentials);
    ({ cert, key, clientCa } = credentials);
  };
  const { files } = options;
  if (files) {
    // One of both is replaced before the other.
    const pair = async () => renew(await readPair(files));
    follow(files.cert, cert, 'the certificate and key of this server', pair);
    follow(files.key, key, 'the certificate and key of this server', pair);
    follow(files.clientCa, clientCa, 'the authorities of clients', async (now) => {
      checkAuthorities(now);
      renew({ clientCa: now });
      await publish(now);
    });
  }
  if (frontProxy)
    follow(frontProxy.caFile, frontProxy.ca, 'the authorities of front proxies', async (now) => {
      checkAuthorities(now);
      frontProxy.trust(now);
      renew({});
      await publish(clientCa);
    });
}

/** @throws RangeError – they are none, or not of each other. */
async function readPair(files: Credentials): Promise<Pick<Credentials, 'cert' | 'key'>> {
  const [cert, key] = await Promise.all([readFileText(files.cert), readFileText(files.key)]);
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new RangeError('no certificate and private key', { cause });
  }
  if (!isPair) throw new RangeError("the private key is not the certificate's");
  return { cert, key };
}

function checkAuthorities(pem: string): void {
  try {
    certificatesOf(pem);
  } catch (cause) {
    throw new RangeError('data does not contain any valid RSA or ECDSA certificates', { cause });
  }
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FollowedFile, followFile } from './follow-file.ts';
import { readFileText } from './read-file-text.ts';

/** A certificate and its private key, in PEM; or where they are. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

interface FollowedPair extends Pick<FollowedFile, 'of' | 'clock' | 'log'> {
  readonly files: KeyPair;
  /** What they say, as long as nothing changed. */
  readonly now: KeyPair;
  readonly use: (pair: KeyPair) => void | Promise<void>;
}

/** Reads a certificate and its key again when one of both files changed; what is wrong or half-written then changes nothing. */
export function followKeyPair({ files, now, use, ...how }: FollowedPair, signal: AbortSignal): void {
  // One of both is replaced before the other.
  const pair = async () => await use(await readKeyPair(files));
  for (const part of ['cert', 'key'] as const)
    followFile({ ...how, path: files[part], text: now[part], use: pair, reloaded: () => undefined }, signal);
}

/** @throws RangeError – they are none, or not of each other. */
async function readKeyPair(files: KeyPair): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readFileText(files.cert), readFileText(files.key)]);
  checkKeyPair({ cert, key });
  return { cert, key };
}

/** @throws RangeError – they are none, or not of each other. */
export function checkKeyPair({ cert, key }: KeyPair): void {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new RangeError('no certificate and private key', { cause });
  }
  if (!isPair) throw new RangeError("the private key is not the certificate's");
}

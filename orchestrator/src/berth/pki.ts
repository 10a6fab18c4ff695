import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, type Logger, removeHalfWritten, writeFileDurably } from '@berth/kit';
import type { KeyPair } from '../api-server/configuration/follow-key-pair.ts';
import { BerthError } from './berth-error.ts';
import { frontProxyCaFile } from './front-proxy-defaults.ts';

/** What servers of this machine show, and who may come to them. */
export const credentialFiles = ['server.crt', 'server.key', 'ca.crt'] as const;

export interface Pki {
  readonly ca: string;
  readonly server: KeyPair;
  /** CN kubernetes-admin, O system:masters. */
  readonly admin: KeyPair;
  /** Signs service account tokens. */
  readonly serviceAccountKey: string;
  /** Who this server is to those behind APIServices, by an authority that signs for nobody else. */
  readonly frontProxy: KeyPair & { readonly ca: string };
}

interface PkiParts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long certificates hold, and how long before their end they are made anew at a start. */
const validDays = 3650;
const renewDays = 30;
const dayMs = 86_400_000;

/**
 * The keys of a data directory: read when they are there and good, made otherwise. The authority stays as long as it holds,
 * so that kubeconfigs stay good; the key of service accounts stays; the server's certificate follows its addresses.
 * @throws BerthError Failed – the key of service accounts, which nothing tells to be another than before, is none.
 */
export async function ensurePki(folder: string, addresses: readonly string[], { clock, log }: PkiParts): Promise<Pki> {
  const pki = await readOrMake(folder, addresses, clock.now());
  const from = notBefore(pki, clock.now());
  if (from)
    log.warn('certificates do not hold yet, and nobody is let in by them: see that the clock is right', {
      folder,
      from: from.toISOString(),
    });
  return pki;
}

async function readOrMake(folder: string, addresses: readonly string[], now: number): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const serviceAccountKey = await readIn(folder, 'sa.key').catch(ifAbsent);
  if (serviceAccountKey !== undefined) checkServiceAccountKey(join(folder, 'sa.key'), serviceAccountKey);
  const found = await readPki(folder);
  if (found && isGood(found, now) && covers(found.server.cert, addresses)) return found;
  const { makePki } = await import('./make-pki.ts');
  const stays = (pair: KeyPair) => holds(pair.cert, now) && belongs(pair, pair.cert);
  const authority = await readPair(folder, 'ca').catch(() => undefined);
  const frontProxy = await readPair(folder, 'front-proxy-ca').catch(() => undefined);
  const made = await makePki({
    addresses,
    now,
    validDays,
    ...(authority && stays(authority) ? { keep: authority } : {}),
    ...(frontProxy && stays(frontProxy) ? { keepFrontProxy: frontProxy } : {}),
    ...(serviceAccountKey === undefined ? {} : { serviceAccountKey }),
  });
  for (const [name, text] of Object.entries(made)) {
    await removeHalfWritten(join(folder, name));
    await writeFileDurably(join(folder, name), text);
  }
  return (await readPki(folder)) as Pki;
}

/** From when on, if not yet, the certificates hold: nobody comes in with one before. */
function notBefore({ ca, server, admin }: Pki, now: number): Date | undefined {
  const begins = [ca, server.cert, admin.cert].map((pem) => new X509Certificate(pem).validFromDate);
  return begins.find((begin) => begin.getTime() > now);
}

function isGood({ ca, server, admin, frontProxy }: Pki, now: number): boolean {
  return (
    [ca, server.cert, admin.cert, frontProxy.ca, frontProxy.cert].every((cert) => holds(cert, now)) &&
    [server, admin].every((pair) => belongs(pair, ca)) &&
    belongs(frontProxy, frontProxy.ca)
  );
}

function checkServiceAccountKey(file: string, pem: string): void {
  try {
    createPrivateKey(pem);
  } catch (cause) {
    throw new BerthError('Failed', `${file} is damaged: it is no private key`, {
      hint: `restore it from a copy; or remove all of ${dirname(file)}, which ends what was signed: kubeconfigs and tokens`,
      cause,
    });
  }
}

/** All that the servers of one cluster have in common; it may have been put there for a new one. */
export async function readAuthority(folder: string): Promise<KeyPair & { readonly serviceAccountKey: string }> {
  const [pair, serviceAccountKey] = await Promise.all([readPair(folder, 'ca'), readIn(folder, 'sa.key')]);
  return { ...pair, serviceAccountKey };
}

async function readPki(folder: string): Promise<Pki | undefined> {
  try {
    const [ca, server, admin, serviceAccountKey, frontProxyCa, frontProxy] = await Promise.all([
      readIn(folder, 'ca.crt'),
      readPair(folder, 'server'),
      readPair(folder, 'admin'),
      readIn(folder, 'sa.key'),
      readIn(folder, frontProxyCaFile),
      readPair(folder, 'front-proxy-client'),
    ]);
    return { ca, server, admin, serviceAccountKey, frontProxy: { ...frontProxy, ca: frontProxyCa } };
  } catch {
    return undefined;
  }
}

async function readPair(folder: string, name: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readIn(folder, `${name}.crt`), readIn(folder, `${name}.key`)]);
  return { cert, key };
}

function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function readIn(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8');
}

/** What does not hold yet will: the clock is behind, and an authority made anew would end for good what the old one signed. */
function holds(pem: string, now: number): boolean {
  try {
    return new X509Certificate(pem).validToDate.getTime() > now + renewDays * dayMs;
  } catch {
    return false;
  }
}

/** The key is the certificate's, and the authority its issuer: a crash between two writes of a renewal leaves it otherwise. */
function belongs({ cert, key }: KeyPair, ca: string): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) && certificate.verify(new X509Certificate(ca).publicKey);
  } catch {
    return false;
  }
}

function covers(pem: string, addresses: readonly string[]): boolean {
  const certificate = new X509Certificate(pem);
  return addresses.every(
    (address) =>
      (/^[\d.]+$|:/.test(address) ? certificate.checkIP(address) : certificate.checkHost(address)) !== undefined,
  );
}

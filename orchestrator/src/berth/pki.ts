import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, removeHalfWritten, writeFileDurably } from '@berth/kit';
import { BerthError } from './berth-error.ts';

/** A certificate and its private key, in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  readonly ca: string;
  readonly server: KeyPair;
  /** CN kubernetes-admin, O system:masters. */
  readonly admin: KeyPair;
  /** Signs service account tokens. */
  readonly serviceAccountKey: string;
}

/** How long certificates hold, and how long before their end they are made anew at a start. */
const validDays = 3650;
const renewDays = 30;
const dayMs = 86_400_000;

/**
 * The keys of a data directory: read when they are there and good, made otherwise. The authority stays as long as it holds,
 * so that kubeconfigs stay good; the server's certificate follows its addresses.
 * @throws BerthError Failed – the key of service accounts, which nothing tells to be another than before, is none.
 */
export async function ensurePki(folder: string, addresses: readonly string[], clock: Clock): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const now = clock.now();
  const found = await readPki(folder);
  if (found) checkServiceAccountKey(join(folder, 'sa.key'), found.serviceAccountKey);
  if (
    found &&
    [found.ca, found.server.cert, found.admin.cert].every((cert) => holds(cert, now)) &&
    [found.server, found.admin].every((pair) => belongs(pair, found.ca)) &&
    covers(found.server.cert, addresses)
  )
    return found;
  const { makePki } = await import('./make-pki.ts');
  const authority = await readAuthority(folder).catch(() => undefined);
  const keep = authority && holds(authority.cert, now) && belongs(authority, authority.cert) ? authority : undefined;
  const made = await makePki({ addresses, now, validDays, ...(keep ? { keep } : {}) });
  for (const [name, text] of Object.entries(made)) {
    await removeHalfWritten(join(folder, name));
    await writeFileDurably(join(folder, name), text);
  }
  return (await readPki(folder)) as Pki;
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
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const [cert, key, serviceAccountKey] = await Promise.all([read('ca.crt'), read('ca.key'), read('sa.key')]);
  return { cert, key, serviceAccountKey };
}

async function readPki(folder: string): Promise<Pki | undefined> {
  const names = ['ca.crt', 'server.crt', 'server.key', 'admin.crt', 'admin.key', 'sa.key'];
  try {
    const [ca, serverCert, serverKey, adminCert, adminKey, serviceAccountKey] = (await Promise.all(
      names.map((name) => readFile(join(folder, name), 'utf8')),
    )) as [string, string, string, string, string, string];
    return {
      ca,
      server: { cert: serverCert, key: serverKey },
      admin: { cert: adminCert, key: adminKey },
      serviceAccountKey,
    };
  } catch {
    return undefined;
  }
}

function holds(pem: string, now: number): boolean {
  try {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    return validFromDate.getTime() <= now && validToDate.getTime() > now + renewDays * dayMs;
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

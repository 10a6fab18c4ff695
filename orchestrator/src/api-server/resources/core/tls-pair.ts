import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';

interface Block {
  readonly type: string;
  readonly der: Buffer;
}

const usable = ['rsa', 'ec', 'ed25519'];

/** Why a certificate and a key, each as PEM, are no pair to serve with, in the words of Go's tls.X509KeyPair; undefined where they are. */
export function tlsPairFault(certificate: Buffer, key: Buffer): string | undefined {
  const blocks = pemBlocks(certificate);
  const [leaf] = blocks.filter(({ type }) => type === 'CERTIFICATE');
  if (!leaf) return noCertificate(blocks.map(({ type }) => type));
  const keys = pemBlocks(key);
  const found = keys.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (!found) return noKey(keys.map(({ type }) => type));
  const known = attempt(() => new X509Certificate(leaf.der).publicKey);
  if (!known) return 'x509: malformed certificate';
  const own = privateKeyOf(found.der);
  if (!own) return 'tls: failed to parse private key';
  return mismatch(known, own);
}

function mismatch(known: KeyObject, own: KeyObject): string | undefined {
  const { asymmetricKeyType: type = '' } = own;
  if (!usable.includes(type)) return 'tls: found unknown private key type in PKCS#8 wrapping';
  if (!usable.includes(known.asymmetricKeyType ?? '')) return 'tls: unknown public key algorithm';
  if (type !== known.asymmetricKeyType) return 'tls: private key type does not match public key type';
  return createPublicKey(own).equals(known) ? undefined : 'tls: private key does not match public key';
}

function noCertificate(types: readonly string[]): string {
  if (types.length === 0) return 'tls: failed to find any PEM data in certificate input';
  if (types.length === 1 && types[0]?.endsWith('PRIVATE KEY'))
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${types.join(' ')}]`;
}

function noKey(types: readonly string[]): string {
  if (types.length === 0) return 'tls: failed to find any PEM data in key input';
  if (types.length === 1 && types[0] === 'CERTIFICATE')
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${types.join(' ')}]`;
}

/** Blocks of PEM, as Go's pem.Decode finds them one after the other. */
export function pemBlocks(text: Buffer): Block[] {
  const pattern = /^-----BEGIN ([^\n]*)-----[ \t]*\r?\n([^-]*?)-----END \1-----[ \t]*\r?$/gm;
  return [...text.toString('latin1').matchAll(pattern)].flatMap(([, type = '', body = '']) => {
    // Lines of the form `Key: value` come before what is encoded.
    const encoded = body.replace(/^[^\n:]*:[^\n]*\n/gm, '').replace(/[\r\n]/g, '');
    return /^[A-Za-z0-9+/]*={0,2}$/.test(encoded.trim()) ? [{ type, der: Buffer.from(encoded, 'base64') }] : [];
  });
}

/** Whatever its block calls it. */
function privateKeyOf(key: Buffer): KeyObject | undefined {
  for (const type of ['pkcs1', 'pkcs8', 'sec1'] as const) {
    const parsed = attempt(() => createPrivateKey({ key, format: 'der', type }));
    if (parsed) return parsed;
  }
  return undefined;
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

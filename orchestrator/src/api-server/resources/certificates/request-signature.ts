import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { contentOf, elements, requestDer, sequence } from './der.ts';

interface Scheme {
  readonly hashes: readonly (string | undefined)[];
  readonly failure: string;
  readonly pss?: true;
}

const rsaFailure = 'crypto/rsa: verification error';
const ecFailure = 'x509: ECDSA verification failure';

/** By the object identifier, as DER has it (RFC 8017, 5758, 8410). SHA-1 is too weak to prove anything. */
const schemes: Readonly<Record<string, Scheme>> = {
  '2a864886f70d01010b': { hashes: ['sha256'], failure: rsaFailure },
  '2a864886f70d01010c': { hashes: ['sha384'], failure: rsaFailure },
  '2a864886f70d01010d': { hashes: ['sha512'], failure: rsaFailure },
  '2a864886f70d01010a': { hashes: ['sha256', 'sha384', 'sha512'], failure: rsaFailure, pss: true },
  '2a8648ce3d040302': { hashes: ['sha256'], failure: ecFailure },
  '2a8648ce3d040303': { hashes: ['sha384'], failure: ecFailure },
  '2a8648ce3d040304': { hashes: ['sha512'], failure: ecFailure },
  '2b6570': { hashes: [undefined], failure: 'x509: Ed25519 verification failure' },
};

/** What is wrong with a certificate request, which has to be signed by its own key; in Go's words where there are such. */
export function requestFault(pem: string): string | undefined {
  try {
    const [request] = elements(requestDer(pem), sequence);
    const [info, algorithm, signature] = elements(contentOf(request, sequence));
    const key = elements(contentOf(info, sequence))[2];
    const scheme = schemes[elements(contentOf(algorithm, sequence))[0]?.content.toString('hex') ?? ''];
    if (!info || !key || !signature) return 'asn1: structure error';
    if (!scheme) return 'x509: cannot verify signature: algorithm unimplemented';
    const publicKey = createPublicKey({ key: key.raw, format: 'der', type: 'spki' });
    // The first byte of a bit string says how many bits of its last are not used.
    return holds(scheme, publicKey, info.raw, signature.content.subarray(1)) ? undefined : scheme.failure;
  } catch (error) {
    return error instanceof RangeError ? error.message : 'x509: malformed certificate request';
  }
}

function holds({ hashes, pss }: Scheme, key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  const padding = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO } : {};
  return hashes.some((hash) => verify(hash, signed, { key, ...padding }, signature));
}

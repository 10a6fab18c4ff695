import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { type AskedCertificate, recognize } from './signers.ts';
import { signingKey } from './signing-key.ts';

export interface SigningAuthority {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface SignOptions {
  readonly authority: SigningAuthority;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds: number | undefined;
  readonly now: number;
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
/** kube-controller-manager's --cluster-signing-duration. */
const longestMs = 365 * dayMs;
const shortestMs = 10 * minuteMs;
const backdateMs = 5 * minuteMs;
/** What holds for less is not made shorter by beginning earlier. */
const shortMs = 8 * hourMs;

const { KeyUsageFlags } = x509;
const keyUsages: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: KeyUsageFlags.digitalSignature,
  'digital signature': KeyUsageFlags.digitalSignature,
  'content commitment': KeyUsageFlags.nonRepudiation,
  'key encipherment': KeyUsageFlags.keyEncipherment,
  'key agreement': KeyUsageFlags.keyAgreement,
  'data encipherment': KeyUsageFlags.dataEncipherment,
  'cert sign': KeyUsageFlags.keyCertSign,
  'crl sign': KeyUsageFlags.cRLSign,
  'encipher only': KeyUsageFlags.encipherOnly,
  'decipher only': KeyUsageFlags.decipherOnly,
};

/** In the order Go writes them. */
const extendedUsages: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

/** A certificate in PEM, or why its signer does not give it. @throws Error – the request is none, or is not signed by its key. */
export async function signRequest(
  pem: string,
  options: SignOptions,
): Promise<{ readonly certificate: string } | { readonly refused: string }> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const request = new x509.Pkcs10CertificateRequest(pem);
  if (!(await request.verify())) throw new Error('unable to verify certificate request signature');
  const asked = askedBy(request);
  const refused = recognize(options.signerName, asked, options.usages);
  if (refused !== undefined) return { refused };
  return { certificate: await issue(request, asked, options) };
}

/** What a request in PEM asks for. @throws Error – it is none. */
export function readRequest(pem: string): AskedCertificate {
  return askedBy(new x509.Pkcs10CertificateRequest(pem));
}

function askedBy(request: x509.Pkcs10CertificateRequest): AskedCertificate {
  const names =
    request.extensions.find((each) => each instanceof x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const of = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dns: of('dns'),
    ip: of('ip'),
    email: of('email'),
    uri: of('url'),
  };
}

async function issue(
  request: x509.Pkcs10CertificateRequest,
  { dns, ip, email, uri }: AskedCertificate,
  { authority, usages, expirationSeconds, now }: SignOptions,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.cert);
  const { key, algorithm } = await signingKey(authority.key);
  const names = Object.entries({ dns, email, ip, url: uri }).flatMap(([type, values]) =>
    values.map((value) => ({ type, value }) as x509.JsonGeneralName),
  );
  const flags = usages.reduce((all, usage) => all | (keyUsages[usage] ?? 0), 0);
  const purposes = Object.entries(extendedUsages).filter(([usage]) => usages.includes(usage));
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(issuer, expirationSeconds, now),
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)).fill(1, 0, 1)).toString('hex'),
    subject: request.subjectName,
    issuer: issuer.subjectName,
    signingAlgorithm: algorithm,
    publicKey: request.publicKey,
    signingKey: key as CryptoKey,
    extensions: [
      ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
      ...(purposes.length > 0
        ? [new x509.ExtendedKeyUsageExtension([...new Set(purposes.map(([, oid]) => oid))])]
        : []),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function validity({ notAfter: end }: x509.X509Certificate, expirationSeconds: number | undefined, now: number) {
  const asked = expirationSeconds === undefined ? longestMs : expirationSeconds * 1000;
  const ttl = Math.min(longestMs, Math.max(shortestMs, asked));
  const until = now + ttl - (ttl < shortMs ? 0 : backdateMs);
  if (now >= end.getTime())
    throw new Error(`refusing to sign a certificate that expired in the past: NotAfter=${end.toISOString()}`);
  return { notBefore: new Date(now - backdateMs), notAfter: new Date(Math.min(until, end.getTime())) };
}

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { signingKey } from '../controllers/certificates/signing-key.ts';
import { frontProxyName } from './front-proxy-defaults.ts';

export interface MakePkiOptions {
  /** DNS names and IP addresses of the server. */
  readonly addresses: readonly string[];
  readonly now: number;
  readonly validDays: number;
  /** An authority to go on with. */
  readonly keep?: KeptAuthority;
  /** The same of front proxies. */
  readonly keepFrontProxy?: KeptAuthority;
  /** A key to go on with, in PEM. */
  readonly serviceAccountKey?: string;
}

interface KeptAuthority {
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: webcrypto.EcdsaParams;
}

/** Makes the certificates of a cluster. @returns file name → PEM. */
export async function makePki(options: MakePkiOptions): Promise<Record<string, string>> {
  const { addresses, now, validDays, keep, keepFrontProxy, serviceAccountKey } = options;
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const validity = { notBefore: new Date(now - 60_000), notAfter: new Date(now + validDays * dayMs) };
  const files: Record<string, string> = {};
  const authorityOf = (file: string, kept: KeptAuthority | undefined) =>
    kept ? loadAuthority(kept) : makeAuthority(file, validity, files);
  const authority = await authorityOf('ca', keep);
  const frontProxyAuthority = await authorityOf('front-proxy-ca', keepFrontProxy);
  files['sa.key'] = serviceAccountKey ?? (await toPem(await newKeys()));
  const isIp = (address: string) => /^[\d.]+$|:/.test(address);
  const names = addresses.map((value) => ({ type: isIp(value) ? 'ip' : 'dns', value }) as const);
  await issue(files, 'server', {
    authority,
    validity,
    subject: 'CN=kube-apiserver',
    usage: x509.ExtendedKeyUsage.serverAuth,
    names,
  });
  await issue(files, 'admin', {
    authority,
    validity,
    subject: 'CN=kubernetes-admin, O=system:masters',
    usage: x509.ExtendedKeyUsage.clientAuth,
    names: [],
  });
  await issue(files, 'front-proxy-client', {
    authority: frontProxyAuthority,
    validity,
    subject: `CN=${frontProxyName}`,
    usage: x509.ExtendedKeyUsage.clientAuth,
    names: [],
  });
  return files;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

async function makeAuthority(file: string, validity: Validity, files: Record<string, string>): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serial(),
    name: `CN=berth-${file}`,
    signingAlgorithm: algorithm,
    keys: keys as webcrypto.CryptoKeyPair,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as CryptoKey),
    ],
  });
  files[`${file}.crt`] = `${certificate.toString('pem')}\n`;
  files[`${file}.key`] = await toPem(keys);
  return { certificate, key: keys.privateKey, algorithm };
}

async function loadAuthority({ cert, key }: KeptAuthority): Promise<Authority> {
  return { certificate: new x509.X509Certificate(cert), ...(await signingKey(key)) };
}

interface IssueOptions {
  readonly authority: Authority;
  readonly validity: Validity;
  readonly subject: string;
  readonly usage: x509.ExtendedKeyUsage;
  readonly names: readonly { readonly type: 'ip' | 'dns'; readonly value: string }[];
}

async function issue(
  files: Record<string, string>,
  name: string,
  { authority, validity, subject, usage, names }: IssueOptions,
): Promise<void> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: serial(),
    subject,
    issuer: authority.certificate.subjectName,
    signingAlgorithm: authority.algorithm,
    publicKey: keys.publicKey as CryptoKey,
    signingKey: authority.key as CryptoKey,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension([...names])] : []),
    ],
  });
  files[`${name}.crt`] = `${certificate.toString('pem')}\n`;
  files[`${name}.key`] = await toPem(keys);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function toPem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Positive and unpredictable, as RFC 5280 §4.1.2.2 asks. */
function serial(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x01;
  return bytes.toString('hex');
}

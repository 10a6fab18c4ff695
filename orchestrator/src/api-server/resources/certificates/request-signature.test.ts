import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { expect, test } from 'vitest';
import { requestFault } from './request-signature.ts';

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

async function aRequest(algorithm: object): Promise<Buffer> {
  const keys = await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=ann',
    keys: keys as webcrypto.CryptoKeyPair,
    signingAlgorithm: algorithm as webcrypto.EcdsaParams,
  });
  return Buffer.from(request.rawData);
}

const pemOf = (der: Buffer, label = 'CERTIFICATE REQUEST') =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;

test.each<[string, object, string]>([
  ['ECDSA', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }, 'x509: ECDSA verification failure'],
  ['RSA', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512', ...rsa }, 'crypto/rsa: verification error'],
  ['Ed25519', { name: 'Ed25519' }, 'x509: Ed25519 verification failure'],
])('a certificate request has to be signed by its own %s key', async (_, algorithm, failure) => {
  const der = await aRequest(algorithm);
  expect(requestFault(pemOf(der))).toBeUndefined();
  const at = der.indexOf('ann');
  der.write('bob', at);
  expect(requestFault(pemOf(der))).toBe(failure);
});

test.each([
  ['no PEM', 'PEM block type must be CERTIFICATE REQUEST'],
  [pemOf(Buffer.from('0500', 'hex'), 'NEW CERTIFICATE REQUEST'), 'PEM block type must be CERTIFICATE REQUEST'],
  [pemOf(Buffer.from('x')), 'asn1: syntax error: truncated tag or length'],
  [pemOf(Buffer.from('3000', 'hex')), 'asn1: structure error'],
])('%j is no certificate request', (pem, fault) => {
  expect(requestFault(pem)).toBe(fault);
});

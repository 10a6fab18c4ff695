import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../../test/harness/api-server.ts';
import { pemBlocks, tlsPairFault } from './tls-pair.ts';

const authority = await anAuthority();
const { cert, key } = await authority.issue('CN=a', 'server');
const other = await authority.issue('CN=b', 'server');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });
const broken = (type: string) => `-----BEGIN ${type}-----\nYQ==\n-----END ${type}-----\n`;

// Words of Go's crypto/tls, X509KeyPair.
test.each([
  ['a pair', cert, key, undefined],
  ['a chain', `${cert}\n${other.cert}`, key, undefined],
  ['no certificate', 'a', key, 'tls: failed to find any PEM data in certificate input'],
  [
    'the two in each other’s place',
    key,
    cert,
    'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
  ],
  [
    'something else',
    broken('A') + broken('B'),
    key,
    'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [A B]',
  ],
  ['no key', cert, 'a', 'tls: failed to find any PEM data in key input'],
  ['a certificate as key', cert, cert, 'tls: found a certificate rather than a key in the PEM for the private key'],
  ['a certificate that is none', broken('CERTIFICATE'), key, 'x509: malformed certificate'],
  ['a key that is none', cert, broken('PRIVATE KEY'), 'tls: failed to parse private key'],
  ['another’s key', cert, other.key, 'tls: private key does not match public key'],
  ['a key of another sort', cert, rsa, 'tls: private key type does not match public key type'],
])('%s', (_, certificate, ofIt, fault) => {
  expect(tlsPairFault(Buffer.from(certificate), Buffer.from(ofIt))).toBe(fault);
});

test('what stands before the encoding of a block is skipped; a line of many colons is read once', () => {
  const block = (body: string) => pemBlocks(Buffer.from(`-----BEGIN A-----\n${body}-----END A-----\n`));
  expect(block('Key: value: more\nOther: x\n\nYQ==\n')).toEqual([{ type: 'A', der: Buffer.from('a') }]);
  expect(block('a:'.repeat(500_000))).toEqual([]);
});

import 'reflect-metadata';
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, FakeClock, silentLogger, systemClock } from '@berth/kit';
import * as x509 from '@peculiar/x509';
import { expect, test } from 'vitest';
import { ensurePki } from './pki.ts';

const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const parts = { clock: systemClock, log: silentLogger };

test('a crash between any two writes of the keys is mended at the next start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const [old, made, torn] = ['old', 'made', 'torn'].map((name) => join(folder, name)) as [string, string, string];
  await ensurePki(old, ['127.0.0.1'], parts);
  await cp(old, made, { recursive: true });
  const renewed = await ensurePki(made, ['127.0.0.1', 'other.example'], parts);
  expect(renewed.ca).toBe((await ensurePki(old, ['127.0.0.1'], parts)).ca);
  for (const name of await readdir(old)) {
    await rm(torn, { recursive: true, force: true });
    await cp(old, torn, { recursive: true });
    await cp(join(made, name), join(torn, name));
    const mended = await ensurePki(torn, ['127.0.0.1', 'other.example'], parts);
    expect(await ensurePki(torn, ['127.0.0.1', 'other.example'], parts)).toEqual(mended);
    expect(mended.ca, name).toBe(renewed.ca);
  }
  await rm(folder, { recursive: true });
});

test('servers behind APIServices know this one by an authority that signs for nobody else; it stays while it holds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const { ca, frontProxy } = await ensurePki(folder, ['127.0.0.1'], parts);
  const proxy = new X509Certificate(frontProxy.cert);
  expect([proxy.subject, proxy.issuer]).toEqual(['CN=front-proxy-client', 'CN=berth-front-proxy-ca']);
  expect(proxy.verify(new X509Certificate(frontProxy.ca).publicKey)).toBe(true);
  expect(proxy.verify(new X509Certificate(ca).publicKey)).toBe(false);
  // A folder of before has none of it.
  for (const name of ['front-proxy-client.crt', 'front-proxy-client.key']) await rm(join(folder, name));
  const again = await ensurePki(folder, ['127.0.0.1'], parts);
  expect([again.ca, again.frontProxy.ca]).toEqual([ca, frontProxy.ca]);
  await rm(folder, { recursive: true });
});

test('an authority whose key is not its own is made anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  const first = await ensurePki(one, ['127.0.0.1'], parts);
  await ensurePki(two, ['127.0.0.1'], parts);
  await cp(join(two, 'ca.key'), join(one, 'ca.key'));
  await cp(join(two, 'server.key'), join(one, 'server.key'));
  const again = await ensurePki(one, ['127.0.0.1'], parts);
  expect(again.ca).not.toBe(first.ca);
  expect(await ensurePki(one, ['127.0.0.1'], parts)).toEqual(again);
  await rm(folder, { recursive: true });
});

test.each([
  ['of RSA, as kubeadm makes it', { ...rsa, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, 'pkcs1'],
  ['of another curve', { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-384' }, 'sec1'],
] as const)('an authority %s, which was brought, is gone on with', async (_, algorithm, type) => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    // As openssl and Go write it; others compare names by their bytes.
    name: new x509.Name([{ O: [{ utf8String: 'Example' }] }, { CN: [{ utf8String: 'brought' }] }]),
    signingAlgorithm: algorithm,
    keys,
    notAfter: new Date(systemClock.now() + 365 * 86_400_000),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const brought = made.toString('pem');
  await writeFile(join(folder, 'ca.crt'), brought);
  await writeFile(join(folder, 'ca.key'), KeyObject.from(keys.privateKey).export({ type, format: 'pem' }));
  const { ca, server, admin } = await ensurePki(folder, ['127.0.0.1'], parts);
  expect(ca).toBe(brought);
  for (const issued of [server, admin].map(({ cert }) => new x509.X509Certificate(cert))) {
    expect(await issued.verify({ publicKey: made })).toBe(true);
    expect(Buffer.from(issued.issuerName.toArrayBuffer())).toEqual(Buffer.from(made.subjectName.toArrayBuffer()));
  }
  await rm(folder, { recursive: true });
});

test.each([
  ['beside all others', [] as string[]],
  ['of an older release, before which no front proxy had keys', ['front-proxy-ca.crt', 'front-proxy-client.key']],
  ['with an authority alone, as a second server is given it', ['server.crt', 'admin.crt', 'front-proxy-ca.crt']],
])(
  'a key of service accounts that is none is told by its name, %s: what was signed shall not end unasked',
  async (_, missing) => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
    await ensurePki(folder, ['127.0.0.1'], parts);
    await writeFile(join(folder, 'sa.key'), 'garbage');
    for (const name of missing) await rm(join(folder, name));
    await expect(ensurePki(folder, ['127.0.0.1'], parts)).rejects.toMatchObject({
      code: 'Failed',
      message: `${folder}/sa.key is damaged: it is no private key`,
    });
    await rm(folder, { recursive: true });
  },
);

test('nothing is made anew because the clock is behind: what does not hold yet will', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', now: () => 0, write: (line) => void lines.push(line) });
  const made = await ensurePki(folder, ['127.0.0.1'], { clock, log });
  expect(lines).toEqual([]);
  const behind = { ...systemClock, now: () => clock.now() - 365 * 86_400_000 };
  expect(await ensurePki(folder, ['127.0.0.1'], { clock: behind, log })).toEqual(made);
  expect(lines.join()).toContain(new X509Certificate(made.ca).validFromDate.toISOString());
  await rm(folder, { recursive: true });
});

test('the key of service accounts stays where an authority has ended, or is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-pki-'));
  const clock = new FakeClock();
  const ensure = () => ensurePki(folder, ['127.0.0.1'], { clock, log: silentLogger });
  const made = await ensure();
  await rm(join(folder, 'ca.crt'));
  const second = await ensure();
  await clock.advance(11 * 365 * 86_400_000);
  const third = await ensure();
  expect(new Set([made.ca, second.ca, third.ca]).size).toBe(3);
  expect([second.serviceAccountKey, third.serviceAccountKey]).toEqual([made.serviceAccountKey, made.serviceAccountKey]);
  await rm(folder, { recursive: true });
});

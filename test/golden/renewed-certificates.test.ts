import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type SecureClientSessionOptions } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { createLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { anApiServer, anAuthority, type Pair } from '../harness/api-server.ts';
import { eventually } from '../harness/berth.ts';

// apiserver dynamiccertificates: files are read again when they change, and what is wrong then changes nothing.

/** A server whose certificates are in a folder. */
async function aServer(frontProxyCa?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-renewed-'));
  const said: string[] = [];
  const log = createLogger({ level: 'info', now: () => 0, write: (line) => void said.push(line) });
  const proxies = {
    clientCaFile: join(folder, 'proxies.crt'),
    allowedNames: [],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: [],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: [],
  };
  if (frontProxyCa !== undefined) writeFileSync(proxies.clientCaFile, frontProxyCa);
  const authentication = frontProxyCa === undefined ? {} : { frontProxy: proxies };
  const api = await anApiServer({ log, keptIn: folder, authentication });
  const open = async (more: SecureClientSessionOptions = {}) => {
    const session = connect(`https://127.0.0.1:${api.port}`, { ca: api.authority.cert, ...more });
    await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
    return session;
  };
  const closeAfter = async <T>(session: Awaited<ReturnType<typeof open>>, what: (of: typeof session) => T | Promise<T>) => {
    try {
      return await what(session);
    } finally {
      session.close();
    }
  };
  return {
    api,
    said,
    open,
    /** The certificate that a new connection is shown. */
    shown: async () => closeAfter(await open(), ({ socket }) => (socket as TLSSocket).getPeerCertificate().fingerprint256),
    statusOf: async (client: Partial<Pair>, headers = {}) => closeAfter(await open(client), (session) => ask(session, headers)),
    put(name: string, text: string) {
      writeFileSync(join(folder, `${name}.new`), text);
      renameSync(join(folder, `${name}.new`), join(folder, name));
    },
    putHalf: (name: string, text: string) => writeFileSync(join(folder, name), text.slice(0, text.length / 2)),
    folder,
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

function ask(session: ReturnType<typeof connect>, headers = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/api/v1/namespaces', ...headers });
    stream.once('response', (answer) => resolve(answer[':status'] as number)).once('error', reject);
    stream.resume();
  });
}

const print = ({ cert }: Pair) => new X509Certificate(cert).fingerprint256;

test('a new certificate is shown at once, and connections that are open go on', async () => {
  await using s = await aServer();
  const { authority } = s.api;
  const admin = await authority.issue('CN=admin, O=system:masters', 'client');
  const session = await s.open(admin);
  expect(await ask(session)).toBe(200);
  const next = await authority.issue('CN=next', 'server');
  s.put('server.crt', next.cert);
  await eventually(async () => s.said.some((line) => line.includes("the private key is not the certificate's")));
  expect(await s.shown()).not.toBe(print(next));
  s.put('server.key', next.key);
  await eventually(async () => (await s.shown()) === print(next));
  expect(await ask(session)).toBe(200);
  expect(await s.statusOf(admin)).toBe(200);
  session.close();
});

test('of a certificate that is half written, or none, the one before is shown until it is whole', async () => {
  await using s = await aServer();
  const before = await s.shown();
  const next = await s.api.authority.issue('CN=next', 'server');
  s.putHalf('server.crt', next.cert);
  await eventually(async () => s.said.some((line) => line.includes('the certificate and key of this server stay as they were')));
  expect(await s.shown()).toBe(before);
  s.put('server.key', next.key);
  s.put('server.crt', next.cert);
  await eventually(async () => (await s.shown()) === print(next));
  s.putHalf('ca.crt', '');
  await eventually(async () => s.said.some((line) => line.includes('the authorities of clients stay as they were')));
  expect(await s.statusOf(await s.api.authority.issue('CN=admin, O=system:masters', 'client'))).toBe(200);
});

test('a folder that is swapped as a volume of a Secret is, is read again', async () => {
  await using s = await aServer();
  const swap = (name: string, { cert, key }: Pair) => {
    mkdirSync(join(s.folder, name));
    writeFileSync(join(s.folder, name, 'server.crt'), cert);
    writeFileSync(join(s.folder, name, 'server.key'), key);
    symlinkSync(name, join(s.folder, '..new'));
    renameSync(join(s.folder, '..new'), join(s.folder, '..data'));
  };
  const [one, two] = await Promise.all(['CN=one', 'CN=two'].map((name) => s.api.authority.issue(name, 'server')));
  swap('..1', one as Pair);
  for (const name of ['server.crt', 'server.key']) {
    symlinkSync(join('..data', name), join(s.folder, `${name}.new`));
    renameSync(join(s.folder, `${name}.new`), join(s.folder, name));
  }
  await eventually(async () => (await s.shown()) === print(one as Pair));
  swap('..2', two as Pair);
  await eventually(async () => (await s.shown()) === print(two as Pair));
});

test('clients of an authority that is new come in, of one that went they do not, on open connections either', async () => {
  await using s = await aServer();
  const other = await anAuthority('CN=other');
  const ofOld = await s.api.authority.issue('CN=admin, O=system:masters', 'client');
  const ofNew = await other.issue('CN=admin, O=system:masters', 'client');
  expect(await s.statusOf(ofNew)).toBe(401);
  s.put('ca.crt', `${s.api.authority.cert}\n${other.cert}`);
  await eventually(async () => (await s.statusOf(ofNew)) === 200);
  const session = await s.open(ofOld);
  expect(await ask(session)).toBe(200);
  s.put('ca.crt', other.cert);
  await eventually(async () => (await s.statusOf(ofOld)) === 401);
  expect(await ask(session)).toBe(401);
  session.close();
  expect(await s.statusOf(ofNew)).toBe(200);
});

test('proxies of an authority that is new may say who their users are, those of one that went may not', async () => {
  const [before, after] = [await anAuthority('CN=before'), await anAuthority('CN=after')];
  await using s = await aServer(before.cert);
  const [old, next] = [await before.issue('CN=front', 'client'), await after.issue('CN=front', 'client')];
  const headers = { 'x-remote-user': 'jane', 'x-remote-group': 'system:masters' };
  const session = await s.open(old);
  expect(await ask(session, headers)).toBe(200);
  expect(await s.statusOf(next, headers)).toBe(401);
  s.put('proxies.crt', after.cert);
  await eventually(async () => (await s.statusOf(next, headers)) === 200);
  expect(await ask(session, headers)).toBe(401);
  session.close();
});

import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { anApiServer, type Pair } from '../harness/api-server.ts';

function aFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-users-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'users.csv');
  writeFileSync(path, text);
  return path;
}

const whoAmI = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

async function aServer(authentication: NonNullable<Parameters<typeof anApiServer>[0]>['authentication'] = {}) {
  const server = await anApiServer({ authentication });
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const as = async (authorization?: string, certificate: Pair | false = false) => {
    const headers = authorization === undefined ? {} : { authorization };
    const { status, text } = await server.send({ method: 'POST', path, certificate, headers, contentType: 'application/json', body: whoAmI });
    return status === 201 ? JSON.parse(text).status.userInfo : status;
  };
  return { server, as, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;

test('a static token is its user, another one is nobody', async () => {
  await using s = await aServer({ tokenAuthFile: aFile('s3cret,jane,7,"dev,ops"\nother,joe,8\n') });
  expect(await s.as('Bearer s3cret')).toEqual({ username: 'jane', uid: '7', groups: ['dev', 'ops', 'system:authenticated'] });
  for (const said of ['bearer other', 'Bearer other more', ' BEARER other'])
    expect(await s.as(said)).toEqual({ username: 'joe', uid: '8', groups: ['system:authenticated'] });
  for (const wrong of ['Bearer s3cre', 'Bearer s3cretx', 'Bearer constructor', 'Bearer __proto__']) expect(await s.as(wrong)).toBe(401);
});

test('a token behind two spaces is not seen, and its client is told', async () => {
  await using s = await aServer({ tokenAuthFile: aFile('s3cret,jane,7\n') });
  const asked = { method: 'GET', path: '/version', certificate: false, headers: { authorization: 'Bearer  s3cret' } } as const;
  const { status, headers } = await s.server.send(asked);
  const text = 'the provided Authorization header contains extra space before the bearer token, and is ignored';
  expect([status, headers.warning]).toEqual([200, `299 - "${text}"`]);
  expect(await s.as('Bearer  s3cret')).toBe(403);
});

test('over HTTP/2 too, what a header says is heard with a space before or behind it', async () => {
  await using s = await aServer({ tokenAuthFile: aFile('s3cret,jane,7\n') });
  const admin = await s.server.authority.issue('CN=admin, O=system:masters', 'client');
  const whoIs = async (headers: Record<string, string>, certificate: Partial<Pair> = {}) => {
    const session = connect(`https://127.0.0.1:${s.server.port}`, { ca: s.server.authority.cert, ...certificate });
    onTestFinished(() => session.destroy());
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json ', ...headers });
    stream.end(JSON.stringify(whoAmI));
    return JSON.parse((await stream.setEncoding('utf8').toArray()).join('')).status.userInfo?.username;
  };
  for (const said of ['Bearer s3cret ', ' Bearer s3cret', 'Bearer s3cret\t'])
    expect(await whoIs({ authorization: said })).toBe('jane');
  for (const name of ['joe ', ' joe', 'joe\t']) expect(await whoIs({ 'impersonate-user': name }, admin)).toBe(name);
});

test('a certificate is its user, told apart by its fingerprint, with the uid its subject has', async () => {
  await using s = await aServer();
  const withUid = (uids: string) => s.server.authority.issue(`CN=jane, O=dev, O=ops${uids}`, 'client');
  const pair = await withUid('');
  const fingerprint = new X509Certificate(pair.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] };
  expect(await s.as(undefined, pair)).toEqual({ username: 'jane', groups: ['dev', 'ops', 'system:authenticated'], extra });
  expect(await s.as(undefined, await withUid(', 1.3.6.1.4.1.57683.2=7'))).toMatchObject({ username: 'jane', uid: '7' });
  expect(await s.as(undefined, await withUid(', 1.3.6.1.4.1.57683.2=7, 1.3.6.1.4.1.57683.2=8'))).toBe(401);
});

test('a static password is its user; a wrong one, or none, is nobody', async () => {
  await using s = await aServer({ basicAuthFile: aFile('pass:word,jane,7\n') });
  expect(await s.as(basic('jane:pass:word'))).toEqual({ username: 'jane', uid: '7', groups: ['system:authenticated'] });
  for (const wrong of ['jane:pass', 'jane:', 'joe:pass:word', 'jane', '__proto__:x']) expect(await s.as(basic(wrong))).toBe(401);
});

test('a bootstrap token is a bootstrapper while its secret holds', async () => {
  await using s = await aServer({ bootstrapTokens: true });
  const secret = (change: object) => ({
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:workers',
      expiration: '2999-01-01T00:00:00Z',
      ...change,
    },
  });
  const path = '/api/v1/namespaces/kube-system/secrets';
  const put = async (change: object) => {
    await s.server.send({ method: 'DELETE', path: `${path}/bootstrap-token-abcdef` });
    const { status } = await s.server.send({ method: 'POST', path, contentType: 'application/json', body: secret(change) });
    expect(status).toBe(201);
    return s.as('Bearer abcdef.0123456789abcdef');
  };
  expect(await put({})).toEqual({
    username: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
  });
  expect(await s.as('Bearer abcdef.0123456789abcdee')).toBe(401);
  expect(await put({ expiration: '2020-01-01T00:00:00Z' })).toBe(401);
  for (const unread of ['tomorrow', '2999', 'Jan 1 2999']) expect(await put({ expiration: unread })).toBe(401);
  expect(await put({ expiration: '' })).toMatchObject({ username: 'system:bootstrap:abcdef' });
  expect(await put({ 'usage-bootstrap-authentication': 'false' })).toBe(401);
  for (const wrong of ['system:masters', 'system:bootstrappers:a,']) expect(await put({ 'auth-extra-groups': wrong })).toBe(401);
  expect(await put({ 'auth-extra-groups': 'system:bootstrappers:b,system:bootstrappers:a,system:bootstrappers:b' })).toMatchObject({
    groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b', 'system:authenticated'],
  });
});

test('without anonymous requests a caller without credentials is nobody, also at the health', async () => {
  await using s = await aServer({ anonymous: false });
  expect(await s.server.send({ method: 'GET', path: '/healthz', certificate: false })).toMatchObject({ status: 401 });
  expect(await s.server.send({ method: 'GET', path: '/healthz' })).toMatchObject({ status: 200 });
});

// What kube-apiserver 1.36.3 does, which sets --anonymous-auth to false then.
test.each([undefined, true])('where everything is allowed nobody is anonymous (--anonymous-auth: %s)', async (anonymous) => {
  const authentication = anonymous === undefined ? {} : { anonymous };
  await using server = await anApiServer({ authentication, more: { authorizationModes: ['RBAC', 'AlwaysAllow'] } });
  const path = '/api/v1/namespaces/kube-system/secrets';
  expect(await server.send({ method: 'GET', path, certificate: false })).toMatchObject({ status: 401 });
  expect(await server.send({ method: 'GET', path })).toMatchObject({ status: 200 });
});

test('a file says who is anonymous also where everything is allowed', async () => {
  const conditions = [{ path: '/livez' }];
  const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', anonymous: { enabled: true, conditions } };
  const authentication = { configFile: aFile(JSON.stringify(file)) };
  await using server = await anApiServer({ authentication, more: { authorizationModes: ['AlwaysAllow'] } });
  expect(await server.send({ method: 'GET', path: '/livez', certificate: false })).toMatchObject({ status: 200 });
  expect(await server.send({ method: 'GET', path: '/version', certificate: false })).toMatchObject({ status: 401 });
});

test.each([
  ['missing', '/nonexistent/users.csv', /--token-auth-file \/nonexistent\/users.csv cannot be read: ENOENT/],
  ['short', 'topsecret,jane\n', /record 1 has fewer than 3 columns/],
  ['without a name', 'topsecret,,7\n', /record 1 has an empty user name/],
])('a file that is %s is an error that tells no secret', async (_what, text, message) => {
  const path = text.startsWith('/') ? text : aFile(text);
  const failed = await anApiServer({ authentication: { tokenAuthFile: path } }).catch((error: Error) => error);
  expect(failed).toBeInstanceOf(RangeError);
  expect((failed as Error).message).toMatch(message);
  expect((failed as Error).message).not.toContain('topsecret');
});

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { certificatesOf } from '../../orchestrator/src/api-server/authentication/certificate-roots.ts';
import { anApiServer, anAuthority } from '../harness/api-server.ts';
import { aFile, aKubeconfig } from '../harness/kubeconfig-file.ts';
import { anIssuer } from '../harness/oidc-issuer.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';

type Authentication = NonNullable<NonNullable<Parameters<typeof anApiServer>[0]>['authentication']>;

async function aWorld(authentication: Authentication) {
  const api = await anApiServer({ authentication });
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const whoAmI = async (how: object) => {
    const { status, text } = await api.send({ method: 'POST', path, contentType: 'application/json', body, certificate: false, ...how });
    return status === 201 ? JSON.parse(text).status.userInfo : status;
  };
  return {
    api,
    whoAmI,
    bearer: (token: string) => whoAmI({ headers: { authorization: `Bearer ${token}` } }),
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

test('an issuer\'s token is its subject, with the groups and prefixes the flags say', async () => {
  await using issuer = await anIssuer();
  using ca = aFile(issuer.ca);
  const oidc = { issuerUrl: issuer.url, clientId: 'berth', caFile: ca.path };
  await using plain = await aWorld({ oidc });
  expect(await plain.bearer(issuer.token({ jti: 'x' }))).toEqual({
    username: `${issuer.url}#jane`,
    groups: ['system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] },
  });
  const mapped = { ...oidc, usernameClaim: 'email', groupsClaim: 'roles', groupsPrefix: 'oidc:', requiredClaims: ['tenant=a=b'] };
  await using world = await aWorld({ oidc: mapped });
  const claims = { email: 'jane@example.com', roles: ['dev', 'ops'], tenant: 'a=b' };
  expect(await world.bearer(issuer.token(claims))).toEqual({
    username: 'jane@example.com',
    groups: ['oidc:dev', 'oidc:ops', 'system:authenticated'],
  });
  expect(await world.bearer(issuer.token({ ...claims, roles: 'dev' }))).toMatchObject({ groups: ['oidc:dev', 'system:authenticated'] });
  for (const wrong of [{ email_verified: false }, { tenant: 'a' }, { tenant: undefined }, { email: undefined }, { email: 7 }, { roles: [7] }])
    expect([wrong, await world.bearer(issuer.token({ ...claims, ...wrong }))]).toEqual([wrong, 401]);
});

test('tokens that are not an issuer\'s, or are over, are nobody\'s', async () => {
  await using issuer = await anIssuer();
  using ca = aFile(issuer.ca);
  await using world = await aWorld({ oidc: { issuerUrl: issuer.url, clientId: 'berth', caFile: ca.path } });
  const good = issuer.token();
  expect(await world.bearer(good)).toMatchObject({ username: `${issuer.url}#jane` });
  // Clocks differ.
  expect(await world.bearer(issuer.token({ nbf: Math.floor(Date.now() / 1000) + 30 }))).toMatchObject({ username: `${issuer.url}#jane` });
  // As Go reads them: a number may be a text, and a name that is empty is none.
  for (const same of [issuer.token({ exp: '9999999999' }), issuer.token({}, { header: { kid: '' } })])
    expect(await world.bearer(same)).toMatchObject({ username: `${issuer.url}#jane` });
  const [head = '', body = '', signature = ''] = good.split('.');
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const wrong: Record<string, string> = {
    'alg none, without a signature': `${encode({ alg: 'none' })}.${body}.`,
    'alg none, with one': `${encode({ alg: 'none' })}.${body}.${signature}`,
    'a shared secret': `${encode({ alg: 'HS256', kid: 'first' })}.${body}.${signature}`,
    'another algorithm of the same key': issuer.token({}, { header: { alg: 'RS512' } }),
    'a critical header': issuer.token({}, { header: { crit: ['b64'], b64: false } }),
    expired: issuer.token({ exp: now - 1 }),
    'without an end': issuer.token({ exp: undefined }),
    'an end that is no number': issuer.token({ exp: 'x' }),
    'an end beyond all': issuer.token({ exp: 1e300 }),
    'an audience that is none beside': issuer.token({ aud: ['berth', 3] }),
    'a beginning that is none': issuer.token({ iat: 'x' }),
    'a key’s name that is none': issuer.token({}, { header: { kid: 3 } }),
    'claims that are said to be no base64url': issuer.token({}, { header: { b64: false } }),
    'not yet': issuer.token({ nbf: now + 90 }),
    'another audience': issuer.token({ aud: ['other'] }),
    'another issuer': issuer.token({ iss: 'https://example.com' }),
    'an unknown key': issuer.token({}, { key: 'nobody' }),
    'another key under a known name': issuer.token({}, { key: 'nobody', header: { kid: 'first' } }),
    'changed claims': `${head}.${encode({ iss: issuer.url, aud: 'berth', sub: 'root', exp: now + 60 })}.${signature}`,
    'no signature': `${head}.${body}`,
    'a fourth part': `${good}.x`,
    'no JSON': `${head}.AAAA.${signature}`,
    'a list': `${head}.${Buffer.from('[]').toString('base64url')}.${signature}`,
  };
  for (const [what, token] of Object.entries(wrong)) expect([what, await world.bearer(token)]).toEqual([what, 401]);
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const review = { spec: { token: issuer.token({ more: 'x'.repeat(2_000_000) }) } };
  const { text } = await world.api.send({ method: 'POST', path, contentType: 'application/json', body: review });
  expect(JSON.parse(text).status).toEqual({ user: {}, error: 'invalid bearer token' });
  const errorOf = async (token: string) => {
    const answer = await world.api.send({
      method: 'POST',
      path,
      contentType: 'application/json',
      body: { spec: { token } },
    });
    return JSON.parse(answer.text).status.error;
  };
  const but = (why: string) => `[invalid bearer token, oidc: ${why}]`;
  expect(await errorOf(issuer.token({ aud: ['other', 'third'] }))).toBe(
    but('verify token: oidc: expected audience "berth" got ["other" "third"]'),
  );
  expect(await errorOf(issuer.token({ exp: 1_700_000_000 }))).toBe(
    but('verify token: oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)'),
  );
  const failed = but('verify token: failed to verify signature: failed to verify id token signature');
  // What kube-apiserver 1.36.3 says of them.
  const words: [string, string][] = [
    [issuer.token({}, { header: { crit: ['exp'] } }), failed],
    [issuer.token({}, { key: 'nobody', header: { kid: 'first' } }), failed],
    [issuer.token({}, { header: { alg: 'HS256' } }), but('verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got "HS256"')],
    [issuer.token({ sub: undefined }), but('parse username claims "sub": claim not present')],
    [issuer.token({ aud: 3 }), but('verify token: oidc: failed to unmarshal claims: json: cannot unmarshal number into Go struct field idToken.aud of type []string')],
  ];
  for (const [token, expected] of words) expect(await errorOf(token)).toBe(expected);
});

test('an issuer\'s new key is known at its first token, and an elliptic one as well', async () => {
  await using issuer = await anIssuer();
  using ca = aFile(issuer.ca);
  await using world = await aWorld({
    oidc: { issuerUrl: issuer.url, clientId: 'berth', caFile: ca.path, usernamePrefix: '-', signingAlgs: ['RS256', 'ES256'] },
  });
  expect(await world.bearer(issuer.token())).toMatchObject({ username: 'jane' });
  issuer.add('second', 'ES256');
  expect(await world.bearer(issuer.token({}, { key: 'second' }))).toMatchObject({ username: 'jane' });
  expect(issuer.fetched).toBe(4);
  // Also right behind another that nobody knows.
  expect(await world.bearer(issuer.token({}, { key: 'nobody', header: { alg: 'RS256' } }))).toBe(401);
  issuer.add('third', 'ES256');
  expect(await world.bearer(issuer.token({}, { key: 'third' }))).toMatchObject({ username: 'jane' });
});

test('a file names several issuers, and who may be anonymous', async () => {
  await using one = await anIssuer();
  await using other = await anIssuer();
  const jwt = [one, other].map(({ url, ca }, index) => ({
    issuer: { url, certificateAuthority: ca, audiences: ['berth', 'x'], audienceMatchPolicy: 'MatchAny' },
    claimMappings: { username: { claim: 'sub', prefix: `${index}:` }, uid: { claim: 'sub' } },
    claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }],
  }));
  const anonymous = { enabled: true, conditions: [{ path: '/livez' }] };
  const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt, anonymous };
  using config = aFile(JSON.stringify(file));
  await using world = await aWorld({ configFile: config.path });
  expect(await world.bearer(one.token({ hd: 'example.com', aud: 'x' }))).toMatchObject({ username: '0:jane', uid: 'jane' });
  expect(await world.bearer(other.token({ hd: 'example.com' }))).toMatchObject({ username: '1:jane' });
  expect(await world.bearer(other.token())).toBe(401);
  const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
  const judged = (issuer: string, result: string) => {
    const hash = createHash('sha256').update(issuer).digest('hex');
    return `apiserver_authentication_jwt_authenticator_latency_seconds_count{jwt_issuer_hash="sha256:${hash}",result="${result}"} 1\n`;
  };
  for (const line of [judged(one.url, 'success'), judged(other.url, 'success'), judged(other.url, 'failure')]) expect(text).toContain(line);
  expect(text).not.toContain(judged(one.url, 'failure'));
  const get = async (path: string) => (await world.api.send({ method: 'GET', path, certificate: false })).status;
  expect([await get('/livez'), await get('/healthz'), await get('/livez/x')]).toEqual([200, 401, 401]);
  await expect(aWorld({ configFile: config.path, anonymous: true })).rejects.toThrow(/--anonymous-auth flag cannot be set/);
});

test('expressions say who a token is for, and whether it is taken', async () => {
  await using issuer = await anIssuer();
  const jwt = {
    issuer: { url: issuer.url, certificateAuthority: issuer.ca, audiences: ['berth'] },
    claimMappings: {
      username: { expression: '"oidc:" + claims.sub' },
      groups: { expression: 'claims.roles.split(",") + (claims.?admin.orValue(false) ? ["admins"] : [])' },
      uid: { expression: 'claims.org__dot__id' },
      extra: [
        { key: 'example.com/level', valueExpression: 'string(claims.level)' },
        { key: 'example.com/none', valueExpression: '""' },
      ],
    },
    claimValidationRules: [{ expression: 'claims.exp - claims.iat <= 3600', message: 'for too long' }],
    userValidationRules: [{ expression: '!user.username.startsWith("oidc:system:") && user.groups.size() < 4', message: 'no' }],
  };
  using config = aFile(JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: [jwt] }));
  await using world = await aWorld({ configFile: config.path });
  const claims = { roles: 'dev,ops', 'org.id': '7', level: 2 };
  // Numbers of claims are floats.
  expect(await world.bearer(issuer.token({ ...claims, jti: 'x' }))).toEqual({
    username: 'oidc:jane',
    groups: ['dev', 'ops', 'system:authenticated'],
    uid: '7',
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'], 'example.com/level': ['2'] },
  });
  expect(await world.bearer(issuer.token({ ...claims, admin: true }))).toMatchObject({ groups: ['dev', 'ops', 'admins', 'system:authenticated'] });
  const now = Math.floor(Date.now() / 1000);
  for (const wrong of [{ sub: 'system:admin' }, { roles: 7 }, { roles: undefined }, { 'org.id': 7 }, { exp: now + 7200 }, { roles: 'a,b,c,d' }])
    expect([wrong, await world.bearer(issuer.token({ ...claims, ...wrong }))]).toEqual([wrong, 401]);
});

test('a file of issuers that changes counts at once, and one that is wrong changes nothing', async () => {
  await using issuer = await anIssuer();
  const text = (prefix: string | undefined) =>
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: issuer.url, certificateAuthority: issuer.ca, audiences: ['berth'] },
          claimMappings: { username: { claim: 'sub', prefix } },
        },
      ],
    });
  using config = aFile(text('a:'));
  await using world = await aWorld({ configFile: config.path });
  const counted = async (status: string) => {
    const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
    const name = `apiserver_authentication_config_controller_automatic_reloads_total\\{status="${status}"\\} (\\d+)`;
    return Number(new RegExp(name).exec(text)?.[1] ?? 0);
  };
  const who = async () => (await world.bearer(issuer.token())).username;
  expect(await who()).toBe('a:jane');
  config.replace(text(undefined));
  await expect.poll(() => counted('failure')).toBe(1);
  expect(await who()).toBe('a:jane');
  config.replace(text('b:'));
  await expect.poll(() => counted('success')).toBe(1);
  expect(await who()).toBe('b:jane');
});

test('a webhook is asked whose a token is, and its answer is kept', async () => {
  await using hooks = await aWebhookServer(({ body }) => ({
    ...body,
    status:
      body.spec.token === 'good'
        ? { authenticated: true, user: { username: 'jane', uid: '7', groups: ['dev'], extra: { team: ['a'] } } }
        : { authenticated: false, ...(body.spec.token === 'unsure' ? { error: 'the directory is away' } : {}) },
  }));
  using kubeconfig = aKubeconfig(hooks);
  await using world = await aWorld({ tokenWebhook: { configFile: kubeconfig.path } });
  const jane = { username: 'jane', uid: '7', groups: ['dev', 'system:authenticated'], extra: { team: ['a'] } };
  expect([await world.bearer('good'), await world.bearer('good'), await world.bearer('bad'), await world.bearer('bad')]).toEqual([jane, jane, 401, 401]);
  expect(hooks.asked.map(({ body }) => [body.apiVersion, body.kind, body.spec])).toEqual([
    ['authentication.k8s.io/v1beta1', 'TokenReview', { token: 'good' }],
    ['authentication.k8s.io/v1beta1', 'TokenReview', { token: 'bad' }],
  ]);
  // An error is no answer to keep.
  expect([await world.bearer('unsure'), await world.bearer('unsure')]).toEqual([401, 401]);
  expect(hooks.asked.slice(2).map(({ body }) => body.spec.token)).toEqual(['unsure', 'unsure']);
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const { text } = await world.api.send({ method: 'POST', path, contentType: 'application/json', body: { spec: { token: 'good' } } });
  expect(JSON.parse(text).status).toMatchObject({ authenticated: true, user: jane });
});

// What kube-apiserver 1.36.3 makes of such answers.
test('what is no answer to a TokenReview makes nobody of a token, and what is left out of one is empty', async () => {
  let answer: unknown;
  await using hooks = await aWebhookServer(() => answer);
  using kubeconfig = aKubeconfig(hooks);
  await using world = await aWorld({ tokenWebhook: { configFile: kubeconfig.path, cacheTtlMs: 0, version: 'v1' } });
  const who = async (said: object, status: object = { authenticated: true, user: { username: 'jane', groups: ['system:masters'] } }) => {
    answer = { status, ...said };
    return world.bearer('x');
  };
  for (const said of [{ kind: 'Pod', apiVersion: 'v1' }, { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1beta1' }, { apiVersion: 'v7' }])
    expect([said, await who(said)]).toEqual([said, 401]);
  for (const user of [{ username: 7 }, { username: 'a', groups: [1] }, { username: 'a', groups: 'b' }, { username: 'a', extra: { a: 'b' } }])
    expect([user, await who({}, { authenticated: true, user })]).toEqual([user, 401]);
  expect(await who({}, { authenticated: true, user: { username: 'a' }, audiences: 'x' })).toBe(401);
  expect(await who({}, { authenticated: true })).toEqual({ groups: ['system:authenticated'] });
  const groups = ['system:authenticated', 'a', 'a'];
  expect(await who({}, { authenticated: true, user: { username: 'jim', groups } })).toEqual({ username: 'jim', groups });
  expect(hooks.asked.every(({ path }) => path === '/?timeout=30s')).toBe(true);
});

test('whoever reviews a token for others is told what the webhook says of those, each answer kept for itself', async () => {
  await using hooks = await aWebhookServer(({ body }) => ({
    ...body,
    status: { authenticated: true, user: { username: 'jane' }, ...(body.spec.token === 'both' ? { audiences: ['vault', 'here'] } : {}) },
  }));
  using kubeconfig = aKubeconfig(hooks);
  await using world = await aWorld({ tokenWebhook: { configFile: kubeconfig.path }, audiences: ['here'] });
  const reviewed = async (token: string, audiences?: string[]) => {
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    const { text } = await world.api.send({ method: 'POST', path, contentType: 'application/json', body: { spec: { token, audiences } } });
    const { authenticated, user, audiences: common, error } = JSON.parse(text).status;
    return authenticated ? [user.username, common] : error;
  };
  expect(await reviewed('both', ['vault', 'other'])).toEqual(['jane', ['vault']]);
  expect(await reviewed('both', ['other'])).toBe('invalid bearer token');
  expect(await reviewed('both')).toEqual(['jane', ['here']]);
  expect(await world.bearer('both')).toMatchObject({ username: 'jane' });
  // One that says nothing of audiences knows tokens for this server.
  expect(await reviewed('plain', ['other', 'here'])).toEqual(['jane', ['here']]);
  expect(await reviewed('plain', ['other'])).toBe('invalid bearer token');
  expect(await reviewed('plain', ['other'])).toBe('invalid bearer token');
  expect(hooks.asked.map(({ body }) => [body.spec.token, body.spec.audiences])).toEqual([
    ['both', ['vault', 'other']],
    ['both', ['other']],
    ['both', ['here']],
    ['plain', ['other', 'here']],
    ['plain', ['other']],
  ]);
});
test('a webhook that hangs up or talks nonsense makes nobody of a token, and others are still known', async () => {
  let answer: () => unknown = () => ({ status: { authenticated: true, user: { username: 7 } } });
  await using hooks = await aWebhookServer((_, response) => answer() ?? void response.destroy());
  using kubeconfig = aKubeconfig(hooks);
  using tokens = aFile('known,joe,8\n');
  await using world = await aWorld({ tokenWebhook: { configFile: kubeconfig.path, cacheTtlMs: 0 }, tokenAuthFile: tokens.path });
  expect(await world.bearer('x')).toBe(401);
  answer = () => [1, 2];
  expect(await world.bearer('x')).toBe(401);
  expect(await world.bearer('known')).toMatchObject({ username: 'joe' });
});

test('a proxy names the user, and nobody else does', async () => {
  const proxies = await anAuthority('CN=proxy-ca');
  // Of the same name as the API server's own authority: names alone tell nothing.
  const twin = await anAuthority('CN=test-ca');
  using ca = aFile(proxies.cert);
  await using world = await aWorld({
    frontProxy: {
      clientCaFile: ca.path,
      allowedNames: ['front'],
      usernameHeaders: ['X-Remote-User'],
      uidHeaders: ['X-Remote-Uid'],
      groupHeaders: ['X-Remote-Group'],
      extraHeaderPrefixes: ['X-Remote-Extra-'],
    },
  });
  const headers = { 'x-remote-user': 'jane', 'x-remote-group': ['dev', 'cn=ops,system:masters'], 'x-remote-uid': '7', 'x-remote-extra-acme.com%2fproject': 'p' };
  const front = await proxies.issue('CN=front', 'client');
  expect(await world.whoAmI({ certificate: front, headers })).toEqual({
    username: 'jane',
    uid: '7',
    // A comma is part of a name.
    groups: ['dev', 'cn=ops,system:masters', 'system:authenticated'],
    extra: { 'acme.com/project': ['p'] },
  });
  expect(await world.whoAmI({ certificate: await proxies.issue('CN=other', 'client'), headers })).toBe(401);
  // What a proxy's authority signs is no user, though it were an administrator by its name.
  expect(await world.whoAmI({ certificate: await proxies.issue('CN=front, O=system:masters', 'client') })).toBe(401);
  expect(await world.whoAmI({ certificate: true, headers })).toMatchObject({ username: 'admin' });
  expect(await world.whoAmI({ headers })).toBe(403);
  const published = await world.api.send({ method: 'GET', path: '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication' });
  expect(JSON.parse(published.text).data).toEqual({
    'client-ca-file': world.api.authority.cert,
    'requestheader-client-ca-file': proxies.cert,
    'requestheader-allowed-names': '["front"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  });
  expect(await world.whoAmI({ certificate: await twin.issue('CN=front', 'client'), headers })).toBe(401);
});

// controlplane controller/clusterauthenticationtrust combines what it finds with what it has to say.
test('servers of one store tell those behind APIServices of all their proxies', async () => {
  const aProxy = { usernameHeaders: ['X-Remote-User'], uidHeaders: [], groupHeaders: ['X-Remote-Group'], extraHeaderPrefixes: ['X-Remote-Extra-'] };
  const [one, two] = await Promise.all([anAuthority('CN=one'), anAuthority('CN=two')]);
  using oneFile = aFile(one.cert);
  using twoFile = aFile(two.cert);
  await using world = await aWorld({ frontProxy: { ...aProxy, clientCaFile: oneFile.path, allowedNames: ['front'] } });
  const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  const told = async () => {
    const { data } = JSON.parse((await world.api.send({ method: 'GET', path: `/api/v1/namespaces/${place.namespace}/configmaps/${place.name}` })).text);
    const certificates = certificatesOf(data['requestheader-client-ca-file']).map(({ subject }) => subject);
    return { certificates, names: data['requestheader-allowed-names'], users: data['requestheader-username-headers'] };
  };
  for (const allowedNames of [['back'], ['back', 'front']]) {
    await using other = await anApiServer({ authentication: { frontProxy: { ...aProxy, clientCaFile: twoFile.path, allowedNames } }, more: { store: world.api.store } });
    expect(other.port).toBeGreaterThan(0);
    expect(await told()).toEqual({ certificates: ['CN=one', 'CN=two'], names: '["front","back"]', users: '["X-Remote-User"]' });
  }
});

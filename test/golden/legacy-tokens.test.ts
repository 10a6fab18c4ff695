import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { seededRng, silentLogger, systemClock, systemRng } from '@berth/kit';
import { KubeClient, resources, type Secret, startInformers } from '@berth/kube';
import { expect, test } from 'vitest';
import { startTokenSecretsController } from '../../orchestrator/src/controllers/service-account/token-secrets-controller.ts';
import { JwtTokens } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';

/** Secrets of the type kubernetes.io/service-account-token, as upstream's controller fills and its server reads them. */
async function aWorld() {
  const stack = new AsyncDisposableStack();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = new JwtTokens({ issuer: 'https://berth', privateKey: pem, clock: systemClock, rng: systemRng });
  const api = stack.use(await anApiServer({ more: { tokens } }));
  const client = new KubeClient(api.server.transport());
  const end = new AbortController();
  stack.defer(() => end.abort());
  const parts = { clock: systemClock, rng: seededRng(1), log: silentLogger };
  const informers = stack.use(startInformers(client, parts, end.signal));
  const deps = { ...parts, client, informers, recorder: () => undefined as never };
  const sign = async (token: Parameters<typeof tokens.issueLegacy>[0]) => tokens.issueLegacy(token);
  stack.use(startTokenSecretsController(deps, { caPem: 'the authority', sign }, end.signal));
  const namespace = 'default';
  const account = await client.create(resources.serviceaccounts, { metadata: { name: 'robot', namespace } });
  const get = () => client.get(resources.secrets, { namespace, name: 'robot-token' });
  const make = (name = 'robot') =>
    client.create(resources.secrets, {
      metadata: { name: 'robot-token', namespace, annotations: { 'kubernetes.io/service-account.name': name } },
      type: 'kubernetes.io/service-account-token',
    });
  const whoAmI = async (token: string) => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const headers = { authorization: `Bearer ${token}` };
    const { status, text } = await api.send({ method: 'POST', path, contentType: 'application/json', body, headers, certificate: false });
    return status === 201 ? JSON.parse(text).status.userInfo : status;
  };
  const tokenOf = ({ data }: Secret) => Buffer.from(data?.['token'] ?? '', 'base64').toString();
  const filled = async () => {
    await expect.poll(async () => tokenOf(await get())).not.toBe('');
    return get();
  };
  const dispose = () => stack.disposeAsync();
  return { api, client, tokens, account, namespace, get, make, whoAmI, tokenOf, filled, [Symbol.asyncDispose]: dispose };
}

test('a token secret is filled, and its token is its service account as long as the secret is there', async () => {
  await using world = await aWorld();
  await world.make();
  const secret = await world.filled();
  expect(secret.data).toMatchObject({ namespace: 'ZGVmYXVsdA==', 'ca.crt': Buffer.from('the authority').toString('base64') });
  expect(secret.metadata.annotations?.['kubernetes.io/service-account.uid']).toBe(world.account.metadata.uid);
  const token = world.tokenOf(secret);
  expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toEqual({
    iss: 'kubernetes/serviceaccount',
    'kubernetes.io/serviceaccount/namespace': 'default',
    'kubernetes.io/serviceaccount/secret.name': 'robot-token',
    'kubernetes.io/serviceaccount/service-account.name': 'robot',
    'kubernetes.io/serviceaccount/service-account.uid': world.account.metadata.uid,
    sub: 'system:serviceaccount:default:robot',
  });
  expect(await world.whoAmI(token)).toEqual({
    username: 'system:serviceaccount:default:robot',
    uid: world.account.metadata.uid,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
  });
  expect((await world.api.send({ method: 'GET', path: '/metrics' })).text).toMatch(/^serviceaccount_legacy_tokens_total 1$/m);
  const today = new Date().toISOString().slice(0, 10);
  await expect.poll(async () => (await world.get()).metadata.labels).toEqual({ 'kubernetes.io/legacy-token-last-used': today });
  const invalid = { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': today } } };
  const ref = { namespace: 'default', name: 'robot-token' };
  await world.client.patch(resources.secrets, ref, { type: 'merge', patch: invalid });
  expect(await world.whoAmI(token)).toBe(401);
  const valid = { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': null } } };
  await world.client.patch(resources.secrets, ref, { type: 'merge', patch: valid });
  expect(await world.whoAmI(token)).toMatchObject({ uid: world.account.metadata.uid });
  await world.client.delete(resources.secrets, ref);
  expect(await world.whoAmI(token)).toBe(401);
});

test('a token of ours that is in no secret is nobody\'s', async () => {
  await using world = await aWorld();
  await world.make();
  await world.filled();
  const claims = { namespace: 'default', serviceAccount: 'robot', serviceAccountUid: world.account.metadata.uid ?? '' };
  expect(await world.whoAmI(world.tokens.issueLegacy({ ...claims, secret: 'other' }))).toBe(401);
  expect(await world.whoAmI(world.tokens.issueLegacy({ ...claims, secret: 'robot-token', serviceAccountUid: 'x' }))).toBe(401);
});

test('a token secret goes with its service account, and does not stay without one', async () => {
  await using world = await aWorld();
  await world.make();
  const token = world.tokenOf(await world.filled());
  await world.client.delete(resources.serviceaccounts, { namespace: 'default', name: 'robot' });
  expect(await world.whoAmI(token)).toBe(401);
  const code = () => world.get().then(() => 200, (error) => error.status.code);
  await expect.poll(code).toBe(404);
  await world.make('nobody');
  await expect.poll(code).toBe(404);
});

test('others verify tokens of service accounts by what the server says of its keys', async () => {
  await using world = await aWorld();
  const get = async (path: string) => {
    const { status, text, headers } = await world.api.send({ method: 'GET', path });
    return { status, json: JSON.parse(text), type: headers['content-type'], age: headers['cache-control'] };
  };
  const configuration = await get('/.well-known/openid-configuration');
  expect(configuration).toEqual({
    status: 200,
    json: {
      issuer: 'https://berth',
      jwks_uri: `https://127.0.0.1:${world.api.port}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    },
    type: 'application/json',
    age: 'public, max-age=3600',
  });
  const { json, type } = await get('/openid/v1/jwks');
  expect([type, json.keys.length]).toEqual(['application/jwk-set+json', 1]);
  expect(json.keys[0]).not.toHaveProperty('d');
  for (const path of ['/openid/v1/jwks', '/.well-known/openid-configuration'])
    expect((await world.api.send({ method: 'POST', path })).status).toBe(405);
  const { namespace } = world;
  const request = { serviceAccountUid: world.account.metadata.uid as string, audiences: [], expirationSeconds: 600 };
  const { token } = await world.tokens.issue({ ...request, namespace, serviceAccount: 'robot' });
  const [head = '', claims = '', signature = ''] = token.split('.');
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({ alg: json.keys[0].alg, kid: json.keys[0].kid });
  const key = createPublicKey({ key: json.keys[0], format: 'jwk' });
  expect(verify('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))).toBe(true);
});

import { generateKeyPairSync } from 'node:crypto';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../store/store.memory.ts';
import { createApiServer } from '../create-api-server.ts';
import { definitions } from '../resources/definitions.ts';
import { aPod } from '../server.test-harness.ts';
import { JwtTokens } from '../tokens/jwt-tokens.ts';

const ref = (name: string) => ({ namespace: 'default', name });

test('a service account token stands for its account, and ends with its pod', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = new JwtTokens({ issuer: 'https://issuer', privateKey: pem, clock, rng: seededRng(3) });
  const parts = { store, definitions, clock, rng: seededRng(1), log: silentLogger, nodeApi: () => undefined, tokens };
  await using server = await createApiServer(parts);
  const client = new KubeClient(server.transport());
  await client.create(resources.serviceaccounts, { metadata: ref('default') });
  const pod = await client.create(resources.pods, aPod('p'));
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: pod.metadata.uid };
  const { status } = await client.createSub<{ status: { token: string } }>(
    resources.serviceaccounts,
    ref('default'),
    'token',
    {
      spec: { expirationSeconds: 3600, boundObjectRef },
    },
  );
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const review = (token: string) => client.raw({ method: 'POST', path, body: { spec: { token } } });
  expect(await review(status.token)).toMatchObject({
    status: { authenticated: true, user: { username: 'system:serviceaccount:default:default' } },
  });
  const errorOf = async (token: string, audiences?: string[]) => {
    const answer = await client.raw({
      method: 'POST',
      path,
      body: { spec: { token, ...(audiences ? { audiences } : {}) } },
    });
    return (answer as unknown as { status: { error?: string } }).status.error;
  };
  // As upstream: its own token is tried first, and each way that knows the issuer says what it thinks.
  const but = (why: string) => `[invalid bearer token, ${why}]`;
  expect(await errorOf('nobodys')).toBe('invalid bearer token');
  expect(await errorOf(`${status.token}x`)).toBe(but('go-jose/go-jose: error in cryptographic primitive'));
  expect(await errorOf(status.token, ['a', 'b'])).toBe(
    but('token audiences ["https://issuer"] is invalid for the target audiences ["a" "b"]'),
  );
  await client.delete(resources.pods, ref('p'));
  expect(await errorOf(status.token)).toBe(but('service account token has been invalidated'));
  const anew = await client.create(resources.pods, aPod('p'));
  expect(await errorOf(status.token)).toBe(
    but(`pod UID (${anew.metadata.uid}) does not match service account pod ref claim (${pod.metadata.uid})`),
  );
  const ask = (spec: object) =>
    client.createSub<{ status: { token: string } }>(resources.serviceaccounts, ref('default'), 'token', { spec });
  await expect(ask({ expirationSeconds: 5 })).rejects.toMatchObject({ code: 'Invalid' });
  const told = await client.raw({
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token?fieldManager=fm&dryRun=All',
    body: { metadata: { labels: { a: 'b' } }, spec: { audiences: ['x'] } },
  });
  const { uid } = await client.get(resources.serviceaccounts, ref('default')).then(({ metadata }) => metadata);
  expect(told).toMatchObject({
    metadata: {
      ...{ name: 'default', uid, labels: { a: 'b' } },
      managedFields: [
        {
          ...{ manager: 'fm', subresource: 'token', apiVersion: 'authentication.k8s.io/v1' },
          fieldsV1: {
            'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
            'f:spec': { 'f:audiences': {}, 'f:expirationSeconds': {} },
          },
        },
      ],
    },
    spec: { audiences: ['x'], boundObjectRef: null },
    status: { token: expect.stringContaining('.') },
  });
  const another = client.raw({
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token',
    body: { metadata: { uid: 'x' }, spec: {} },
  });
  await expect(another).rejects.toThrow(
    `the UID in the token request (x) does not match the UID of the service account (${uid})`,
  );
  await client.create(resources.serviceaccounts, { metadata: ref('other') });
  await client.create(resources.pods, { ...aPod('q'), spec: { ...aPod('q').spec, serviceAccountName: 'other' } });
  await expect(ask({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'q' } })).rejects.toThrow(
    'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
  );
  for (const apiVersion of ['', 'a/b/c'])
    await expect(ask({ boundObjectRef: { kind: 'Foo', apiVersion } })).rejects.toThrow(
      'cannot bind token to object of type /, Kind=Foo',
    );
  await client.create(resources.secrets, { metadata: ref('s') });
  await client.create(resources.nodes, { metadata: { name: 'n' } });
  for (const [kind, apiVersion, name] of [
    ['Secret', 'v1', 's'],
    ['Node', 'v1', 'n'],
  ] as const) {
    const bound = await ask({ boundObjectRef: { kind, apiVersion, name } });
    expect(await review(bound.status.token)).toMatchObject({ status: { authenticated: true } });
    await (kind === 'Node' ? client.delete(resources.nodes, { name }) : client.delete(resources.secrets, ref(name)));
    expect(await errorOf(bound.status.token)).toBe(but('service account token has been invalidated'));
  }
});

test('tokens of pods as admission asks for them are good for a year, and late uses counted; longer ones are cut', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const lifetimes = { maxSeconds: 7200, extendsThoseOfPods: true };
  const tokens = new JwtTokens({ issuer: 'https://issuer', privateKey: pem, lifetimes, clock, rng: seededRng(3) });
  const parts = { store, definitions, clock, rng: seededRng(1), log: silentLogger, nodeApi: () => undefined, tokens };
  await using server = await createApiServer(parts);
  const client = new KubeClient(server.transport());
  await client.create(resources.serviceaccounts, { metadata: ref('default') });
  await client.create(resources.pods, aPod('p'));
  await client.create(resources.secrets, { metadata: ref('s') });
  const ask = async (expirationSeconds: number, { kind = 'Pod', name = 'p', audiences = [] as string[] } = {}) => {
    const boundObjectRef = { kind, apiVersion: 'v1', name };
    const spec = { expirationSeconds, audiences, boundObjectRef };
    const { status } = await client.createSub<{ status: { token: string; expirationTimestamp: string } }>(
      resources.serviceaccounts,
      ref('default'),
      'token',
      { spec },
    );
    expect(Object.keys(status).sort()).toEqual(['expirationTimestamp', 'token']);
    const claims = JSON.parse(Buffer.from(status.token.split('.')[1] ?? '', 'base64url').toString());
    const { warnafter } = claims['kubernetes.io'];
    const told = Date.parse(status.expirationTimestamp) / 1000 - claims.iat;
    return { ...status, lives: claims.exp - claims.iat, told, warnsAfter: warnafter && warnafter - claims.iat };
  };
  const year = 365 * 24 * 3600;
  const { token, ...ofPod } = await ask(3607);
  expect(ofPod).toMatchObject({ lives: year, told: 3607, warnsAfter: 3607 });
  expect(await ask(3600)).toMatchObject({ lives: 3600, warnsAfter: undefined });
  expect(await ask(3607, { audiences: ['other'] })).toMatchObject({ lives: 3607, warnsAfter: undefined });
  expect(await ask(3607, { kind: 'Secret', name: 's' })).toMatchObject({ lives: 3607, warnsAfter: undefined });
  expect(await ask(86_400)).toMatchObject({ lives: 7200, told: 7200 });
  await expect(ask(3600, { name: '' })).rejects.toMatchObject({
    code: 'BadRequest',
    message: 'Name parameter required.',
  });
  const review = () =>
    client.raw({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body: { spec: { token } } });
  const uses = async () =>
    [
      ...String(await client.raw({ method: 'GET', path: '/metrics' })).matchAll(
        /^serviceaccount_(\w+)_tokens_total (\d+)$/gm,
      ),
    ]
      .map(([, what, count]) => `${what} ${count}`)
      .sort();
  for (const seconds of [3607, 1]) {
    await clock.advance(seconds * 1000);
    expect(await review()).toMatchObject({ status: { authenticated: true } });
  }
  expect(await uses()).toEqual(['legacy 0', 'stale 1', 'valid 1']);
  await clock.advance(year * 1000);
  expect(await review()).toMatchObject({
    status: { error: '[invalid bearer token, service account token has expired]' },
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hookIdentitiesOf } from './hook-identities.ts';

const plugin = 'MutatingAdmissionWebhook';
const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration' };

function aFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-hooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Of users by name, in a kubeconfig file. */
function identities(users: Readonly<Record<string, object>>, more: object = {}, files = {}) {
  const list = Object.entries(users).map(([name, user]) => ({ name, user }));
  const folder = aFolder({ ...files, config: JSON.stringify({ users: list, ...more }) });
  return hookIdentitiesOf(plugin, JSON.stringify({ ...head, kubeConfigFile: join(folder, 'config') }))!;
}

const service = (namespace: string, port?: number) => ({
  service: { namespace, name: 'hook', ...(port === undefined ? {} : { port }) },
});

/** util/webhook defaultAuthenticationInfoResolver.clientConfig. */
test.each([
  [service('a'), 'Bearer service'],
  [service('a', 443), 'Bearer service'],
  [service('a', 8443), 'Bearer other port'],
  [service('b'), 'Bearer all services'],
  [service('b', 8443), 'Bearer the rest'],
  [{ url: 'https://hooks.example.com/check' }, 'Bearer example'],
  [{ url: 'https://hooks.example.com:443/check' }, 'Bearer example'],
  [{ url: 'https://deep.hooks.example.com/check' }, 'Bearer example'],
  [{ url: 'https://hooks.example.com:9443/check' }, 'Bearer the rest'],
])('a webhook at %j is asked as %s', async (config, authorization) => {
  const identityOf = identities({
    'hook.a.svc': { token: 'service' },
    'hook.a.svc:8443': { token: 'other port' },
    '*.svc': { token: 'all services' },
    '*.example.com:443': { token: 'example' },
    '*': { token: 'the rest' },
  });
  expect(await identityOf(config)).toEqual({ headers: { authorization } });
});

test('who is not named is asked as the user of the context, or as nobody', async () => {
  const contexts = [{ name: 'c', context: { user: 'me' } }];
  const users = { me: { username: 'me', password: 'pw' } };
  const named = identities(users, { contexts, 'current-context': 'c' });
  expect(await named(service('a'))).toEqual({ headers: { authorization: `Basic ${btoa('me:pw')}` } });
  expect(await identities(users)(service('a'))).toEqual({});
  expect(hookIdentitiesOf(plugin, undefined)).toBeUndefined();
  expect(hookIdentitiesOf(plugin, JSON.stringify(head))).toBeUndefined();
});

test('files beside the kubeconfig are read when they are needed, as they are then', async () => {
  const files = { token: 'one\n', crt: 'CERT', key: 'KEY' };
  const folder = aFolder(files);
  const user = {
    tokenFile: join(folder, 'token'),
    'client-certificate': join(folder, 'crt'),
    'client-key-data': btoa('KEY'),
  };
  const identityOf = identities({ '*': user, '*.relative': { tokenFile: 'token' } }, {}, { token: 'beside' });
  const cert = { cert: 'CERT', key: 'KEY' };
  expect(await identityOf(service('a'))).toEqual({ ...cert, headers: { authorization: 'Bearer one' } });
  writeFileSync(join(folder, 'token'), 'two');
  expect(await identityOf(service('a'))).toEqual({ ...cert, headers: { authorization: 'Bearer two' } });
  expect(await identityOf({ url: 'https://a.relative' })).toEqual({ headers: { authorization: 'Bearer beside' } });
});

test('a webhook may be asked in the name of another', async () => {
  const user = { token: 't', as: 'jane', 'as-uid': '7', 'as-groups': ['a', 'b'], 'as-user-extra': { 'a/b': ['c'] } };
  expect((await identities({ '*': user })(service('a'))).headers).toEqual({
    authorization: 'Bearer t',
    'impersonate-user': 'jane',
    'impersonate-uid': '7',
    'impersonate-group': ['a', 'b'],
    'impersonate-extra-a%2Fb': ['c'],
  });
});

test.each<[object, string]>([
  [{ 'auth-provider': { name: 'x' } }, 'auth provider not supported'],
  [{ exec: {} }, 'users with an exec plugin are not supported; use a token or a client certificate'],
  [{ tokenFile: '/nowhere/x' }, 'open /nowhere/x: no such file or directory'],
  [{ token: 't', username: 'u' }, 'username/password or bearer token may be set, but not both'],
])('as %j nobody is asked', async (user, why) => {
  await expect(identities({ '*': user })(service('a'))).rejects.toThrow(`could not get REST client: ${why}`);
});

/** The words are a real server's. */
test.each<[object | string, string]>([
  [{ kubeConfigFile: 'rel/x' }, 'kubeConfigFile: Invalid value: "rel/x": must be an absolute file path'],
  [{ kubeConfigFile: '/nowhere/x' }, 'stat /nowhere/x: no such file or directory'],
  [{ foo: 1 }, 'strict decoding error: unknown field "foo"'],
  [
    { staticManifestsDir: '/x' },
    'staticManifestsDir: Forbidden: staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled',
  ],
  [
    { apiVersion: 'apiserver.config.k8s.io/v1alpha1', kind: 'WebhookAdmission' },
    'no kind "WebhookAdmission" is registered for version "apiserver.config.k8s.io/v1alpha1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  ['foo: [', 'error loading config file "FILE": yaml: line 1: did not find expected node content'],
  [
    '[]',
    'error loading config file "FILE": couldn\'t get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
  ],
])('the server does not start with %j', (given, why) => {
  const file = typeof given === 'string' ? join(aFolder({ config: given }), 'config') : '';
  const told = typeof given === 'string' ? { kubeConfigFile: file } : given;
  expect(() => hookIdentitiesOf(plugin, JSON.stringify({ ...head, ...told }))).toThrow(
    `couldn't init admission plugin "${plugin}": ${why.replace('FILE', file)}`,
  );
});

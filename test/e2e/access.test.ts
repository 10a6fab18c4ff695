import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { aFile } from '../harness/kubeconfig-file.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { anIssuer } from '../harness/oidc-issuer.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';

/** Servers outside have their say, and the disk tells nothing, as kubectl's users see it. */
let berth: Berth;
let issuer: Awaited<ReturnType<typeof anIssuer>>;
let hooks: Awaited<ReturnType<typeof aWebhookServer>>;
const files = new DisposableStack();
const firstKey = randomBytes(32).toString('base64');

function encryption(...keys: { name: string; secret: string }[]) {
  const resources = [{ resources: ['secrets'], providers: [{ aesgcm: { keys } }, { identity: {} }] }];
  return JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });
}

beforeAll(async () => {
  issuer = await anIssuer();
  hooks = await aWebhookServer(({ body }) => {
    const { request, apiVersion } = body;
    const answer = request.object?.data?.forbidden
      ? { allowed: false, status: { message: 'nothing forbidden here', code: 403, reason: 'Forbidden' } }
      : { allowed: true, warnings: ['seen by the guard'] };
    return { apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, ...answer } };
  });
  const ca = files.use(aFile(issuer.ca));
  const config = files.use(aFile(encryption({ name: 'first', secret: firstKey })));
  const oidc = ['--oidc-issuer-url', issuer.url, '--oidc-client-id', 'berth', '--oidc-ca-file', ca.path];
  const groups = ['--oidc-username-prefix', 'oidc:', '--oidc-groups-claim', 'groups'];
  const args = [...oidc, ...groups, '--encryption-provider-config', config.path];
  berth = await Berth.start({ command: 'apiserver', args });
});

afterAll(async () => {
  await berth?.[Symbol.asyncDispose]();
  await hooks?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
  files.dispose();
});

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  const name = `guard-${version.replace('.', '-')}`;

  test('tells what a webhook refuses and warns of', async () => {
    const kubectl = await Kubectl.in(berth, version, 'guarded');
    const configuration = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: 'guard.example.com',
          clientConfig: { url: hooks.url, caBundle: hooks.caBundle },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': kubectl.namespace } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    };
    await kubectl.feed(JSON.stringify(configuration), 'apply', '-f', '-');
    const create = (key: string) => kubectl.try(['create', 'configmap', key, `--from-literal=${key}=1`]);
    await eventually(async () => (await create('forbidden')).code !== 0, { what: 'the webhook to be asked' });
    expect((await create('forbidden')).stderr).toBe(
      'error: failed to create configmap: admission webhook "guard.example.com" denied the request: nothing forbidden here\n',
    );
    const allowed = await create('allowed');
    expect([allowed.code, allowed.stderr]).toEqual([0, 'Warning: seen by the guard\n']);
    await kubectl.run('delete', 'validatingwebhookconfiguration', name);
  });

  test('is whom its ID token says', async () => {
    const kubectl = await Kubectl.in(berth, version, 'oidc');
    const reader = `reader-${version.replace('.', '-')}`;
    await kubectl.run('create', 'rolebinding', reader, '--clusterrole=view', '--group=readers');
    const { server } = berth.ready;
    const token = issuer.token({ groups: ['readers'] });
    const as = ['--kubeconfig', '/dev/null', '--server', server, '--insecure-skip-tls-verify', '--token', token];
    expect((await kubectl.try(['get', 'configmaps', ...as])).stderr).toContain('No resources found');
    const refused = await kubectl.try(['delete', 'namespace', kubectl.namespace, ...as]);
    expect(refused.stderr).toContain('User "oidc:jane" cannot delete resource "namespaces"');
    const over = await kubectl.try(['get', 'configmaps', ...as.slice(0, -1), issuer.token({ exp: 1 })]);
    expect(over.stderr).toMatch(/^error: You must be logged in to the server/m);
  });
});

test('a server behind an APIService knows users by the proxy that the cluster tells of, with no flag for it', async () => {
  const kubectl = await Kubectl.in(berth, '1.33', 'behind');
  const place = ['-n', 'kube-system', 'get', 'configmap', 'extension-apiserver-authentication', '-o', 'json'];
  const { data } = JSON.parse(await berth.kubectl(place));
  expect(data['requestheader-allowed-names']).toBe('["front-proxy-client"]');
  const resources = [{ name: 'loads', singularName: 'load', namespaced: true, kind: 'Load', verbs: ['list'] }];
  await using behind = await aWebhookServer(
    ({ path, headers }) =>
      path.endsWith('/loads')
        ? { kind: 'LoadList', user: headers['x-remote-user'] }
        : { kind: 'APIResourceList', resources },
    {
      names: ['loads.default.svc'],
      tls: { requestCert: true, rejectUnauthorized: true, ca: data['requestheader-client-ca-file'] },
    },
  );
  const service = { namespace: 'default', name: 'loads', port: behind.port };
  const spec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service };
  await berth.apply(
    [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'loads' },
        spec: { type: 'ExternalName', externalName: '127.0.0.1' },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1.example.com' },
        spec: { ...spec, caBundle: behind.caBundle },
      },
    ]
      .map((object) => JSON.stringify(object))
      .join('\n---\n'),
  );
  await berth.kubectl(['wait', '--for=condition=Available', 'apiservice/v1.example.com', '--timeout=120s']);
  const asked = await kubectl.run('get', '--raw', `/apis/example.com/v1/namespaces/${kubectl.namespace}/loads`);
  expect(JSON.parse(asked)).toMatchObject({ user: 'kubernetes-admin' });
  await berth.kubectl(['delete', 'apiservice/v1.example.com', 'service/loads']);
});

test('secrets are rotated by replacing them, and lie nowhere in the clear', async () => {
  const secret = 'correct-horse-battery';
  const encoded = Buffer.from(secret).toString('base64');
  await berth.kubectl(['create', 'secret', 'generic', 's', `--from-literal=password=${secret}`]);
  const inStore = (text: string) =>
    ['berth.db', 'berth.db-wal'].some((file) => readFileSync(join(berth.dataDir, 'store', file)).includes(text));
  expect([inStore('k8s:enc:aesgcm:v1:first:'), inStore(encoded)]).toEqual([true, false]);
  await berth.stop();
  const rotated = files.use(
    aFile(
      encryption({ name: 'second', secret: randomBytes(16).toString('base64') }, { name: 'first', secret: firstKey }),
    ),
  );
  await using again = await Berth.start({
    command: 'apiserver',
    dataDir: berth.dataDir,
    args: ['--encryption-provider-config', rotated.path],
  });
  const all = await again.kubectl(['get', 'secrets', '-A', '-o', 'json']);
  await again.kubectl(['replace', '-f', '-'], { input: all });
  expect(inStore('k8s:enc:aesgcm:v1:second:')).toBe(true);
  expect(await again.kubectl(['get', 'secret', 's', '-o', 'jsonpath={.data.password}'])).toBe(encoded);
  expect([inStore(encoded), inStore(secret)]).toEqual([false, false]);
});

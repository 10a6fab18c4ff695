import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';

/** What a cluster's administrator rules, through a real kubectl: roles, limits and quotas. */
let berth: Berth;

beforeAll(async () => {
  berth = await Berth.start({ kubectl: '1.32' });
});

afterAll(() => berth?.[Symbol.asyncDispose]());

const robot = 'system:serviceaccount:default:robot';
const canI = (...args: string[]) => berth.tryKubectl(['auth', 'can-i', ...args]).then(({ stdout }) => stdout.trim());

test('a service account may do what its role says, from one moment to the next', async () => {
  await berth.kubectl(['create', 'serviceaccount', 'robot']);
  expect(await canI('list', 'pods', `--as=${robot}`)).toBe('no');
  await berth.kubectl(['create', 'role', 'reader', '--verb=get,list', '--resource=pods,configmaps']);
  await berth.kubectl(['create', 'rolebinding', 'robot-reads', '--role=reader', '--serviceaccount=default:robot']);
  await eventually(async () => (await canI('list', 'pods', `--as=${robot}`)) === 'yes', {
    what: 'the binding to count',
  });
  expect(await canI('delete', 'pods', `--as=${robot}`)).toBe('no');
  expect(await canI('list', 'pods', '-n', 'kube-system', `--as=${robot}`)).toBe('no');
  const token = (await berth.kubectl(['create', 'token', 'robot'])).trim();
  const { server } = berth.ready;
  const withToken = ['--token', token, '--server', server, '--insecure-skip-tls-verify', '--kubeconfig', '/dev/null'];
  expect(await berth.kubectl(['get', 'configmaps', '-o', 'name', ...withToken])).toContain(
    'configmap/kube-root-ca.crt',
  );
  const refused = await berth.tryKubectl(['delete', 'configmap', 'kube-root-ca.crt', ...withToken]);
  expect(refused.stderr).toContain(
    `Error from server (Forbidden): configmaps "kube-root-ca.crt" is forbidden: User "${robot}" cannot delete resource "configmaps" in API group "" in the namespace "default"`,
  );
});

test('auth can-i --list and whoami tell what a user has', async () => {
  const list = await berth.kubectl(['auth', 'can-i', '--list', '--as=jane']);
  expect(list).toMatch(/selfsubjectaccessreviews\.authorization\.k8s\.io\s+\[\]\s+\[\]\s+\[create\]/);
  expect(list).toMatch(/\[\/healthz\]\s+\[\]\s+\[get\]/);
  const who = await berth.kubectl(['auth', 'whoami', '--as=jane', '--as-group=dev', '--as-uid=7', '-o', 'json']);
  expect(JSON.parse(who).status.userInfo).toEqual({
    username: 'jane',
    uid: '7',
    groups: ['dev', 'system:authenticated'],
  });
});

test('auth reconcile makes a role and adds what is missing of one', async () => {
  const role = (verbs: string[]) =>
    JSON.stringify({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'storage-viewer', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
      rules: [{ apiGroups: ['storage.k8s.io'], resources: ['volumeattachments'], verbs }],
    });
  for (const verbs of [['get'], ['list']])
    await berth.kubectl(['auth', 'reconcile', '-f', '-'], { input: role(verbs) });
  const seen = await berth.get<{ rules: { verbs: string[] }[] }>('clusterrole', 'storage-viewer');
  expect(seen.rules.flatMap(({ verbs }) => verbs).sort()).toEqual(['get', 'list']);
  await berth.kubectl(['create', 'clusterrolebinding', 'jane-views', '--clusterrole=view', '--user=jane']);
  await eventually(async () => (await canI('get', 'volumeattachments', '--as=jane')) === 'yes', {
    what: 'the label to bring the rule into the role view',
  });
  expect(await canI('get', 'secrets', '--as=jane')).toBe('no');
});

test('a quota counts claims and pods as they come and go, from its first moment', async () => {
  await berth.kubectl(['create', 'namespace', 'small']);
  await berth.kubectl([
    'create',
    'quota',
    'few',
    '-n',
    'small',
    '--hard=persistentvolumeclaims=1,requests.storage=2Gi',
  ]);
  const used = () =>
    berth.get<{ status?: { used?: object } }>('quota', 'few', '-n', 'small').then(({ status }) => status?.used);
  const none = { persistentvolumeclaims: '0', 'requests.storage': '0' };
  await eventually(async () => JSON.stringify(await used()) === JSON.stringify(none), {
    what: 'the quota to be counted',
  });
  const claim = (name: string) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'small' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
  await berth.apply(claim('a'));
  expect(await used()).toEqual({ persistentvolumeclaims: '1', 'requests.storage': '1Gi' });
  const refused = await berth.tryKubectl(['apply', '-f', '-'], { input: claim('b') });
  expect(refused.stderr).toContain(
    'persistentvolumeclaims "b" is forbidden: exceeded quota: few, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1',
  );
  await berth.kubectl(['delete', 'pvc', 'a', '-n', 'small']);
  await eventually(async () => (await berth.tryKubectl(['apply', '-f', '-'], { input: claim('b') })).code === 0, {
    what: 'the room of the deleted claim',
  });
});

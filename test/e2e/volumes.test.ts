import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../harness/berth.ts';
import { list, type Manifest, pod } from '../harness/manifests.ts';
import { PodWorld } from '../harness/pod-world.ts';

let world: PodWorld;
let host: string;

beforeAll(async () => {
  world = await PodWorld.start();
  host = mkdtempSync(join(world.berth.dataDir, 'host-'));
});

afterAll(() => world?.[Symbol.asyncDispose]());

test.concurrent('emptyDir is shared by the containers of a pod, and one in memory has the size it is limited to', async () => {
  const volumes = [
    { name: 'disk', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
  ];
  const mounts = [
    { name: 'disk', mountPath: '/disk' },
    { name: 'memory', mountPath: '/memory' },
  ];
  const base = pod('empty', { volumes, mounts });
  const spec = base['spec'] as { containers: Manifest[] };
  const second = { ...spec.containers[0], name: 'second' };
  await world.start({ ...base, spec: { ...spec, containers: [...spec.containers, second] } });
  await world.sh('empty', 'echo shared > /disk/file');
  expect(await world.berth.kubectl(['exec', 'empty', '-c', 'second', '--', 'cat', '/disk/file'])).toBe('shared\n');
  expect(await world.sh('empty', 'stat -c %a /disk')).toBe('777\n');
  expect(await world.sh('empty', 'cat /proc/mounts')).toMatch(/^tmpfs \/memory tmpfs \S*size=16384k/m);
  await expect(world.sh('empty', 'head -c 20000000 /dev/zero > /memory/big')).rejects.toThrow(
    /No space left|I\/O error/,
  );
});

test.concurrent('hostPath makes what OrCreate says, and refuses what is of another type', async () => {
  writeFileSync(join(host, 'file'), 'from the host\n');
  const of = (name: string, path: string, type: string) => ({ name, hostPath: { path: join(host, path), type } });
  const volumes = [
    of('file', 'file', 'File'),
    of('made', 'made/deep', 'DirectoryOrCreate'),
    of('touched', 'touched', 'FileOrCreate'),
  ];
  const mounts = [
    { name: 'file', mountPath: '/file' },
    { name: 'made', mountPath: '/made' },
    { name: 'touched', mountPath: '/touched' },
  ];
  await world.start(pod('host', { volumes, mounts }));
  expect(await world.sh('host', 'cat /file; echo written > /made/x; echo touched > /touched')).toBe('from the host\n');
  expect(readFileSync(join(host, 'made/deep/x'), 'utf8')).toBe('written\n');
  expect(readFileSync(join(host, 'touched'), 'utf8')).toBe('touched\n');
  const wrong = pod('host-wrong', {
    volumes: [of('v', 'file', 'Directory')],
    mounts: [{ name: 'v', mountPath: '/v' }],
  });
  await world.berth.apply(list(wrong));
  await world.event('host-wrong', 'FailedMount', /hostPath type check failed: .*\/file is not a directory/);
  const none = pod('host-none', { volumes: [of('v', 'none', 'Socket')], mounts: [{ name: 'v', mountPath: '/v' }] });
  await world.berth.apply(list(none));
  await world.event('host-none', 'FailedMount', /hostPath type check failed: .*\/none is not a socket file/);
  expect(existsSync(join(host, 'none'))).toBe(false);
});

test.concurrent('configMap and secret files have their items and modes, and change when the objects do; subPath does not', async () => {
  const config = (text: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data: { a: text, b: 'not asked for' },
  });
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { key: 'hidden' } };
  const volumes = [
    { name: 'settings', configMap: { name: 'settings', items: [{ key: 'a', path: 'deep/a.txt', mode: 0o400 }] } },
    { name: 'whole', configMap: { name: 'settings' } },
    { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o440 } },
    { name: 'absent', configMap: { name: 'no-such-map', optional: true } },
  ];
  const mounts = [
    { name: 'settings', mountPath: '/settings' },
    { name: 'whole', mountPath: '/one', subPath: 'a' },
    { name: 'keys', mountPath: '/keys' },
    { name: 'absent', mountPath: '/absent' },
  ];
  await world.start(config('first'), secret, pod('files', { volumes, mounts }));
  const look =
    'cat /settings/deep/a.txt /one /keys/key; echo; stat -L -c %a /settings/deep/a.txt /keys/key; ls /settings /absent; grep " /keys " /proc/mounts';
  const seen = await world.sh('files', look);
  expect(seen).toMatch(/^firstfirsthidden\n400\n440\n\/absent:\n\n\/settings:\ndeep\n(tmpfs) \/keys tmpfs r[ow]/);
  await expect(world.sh('files', 'echo x > /settings/deep/a.txt')).rejects.toThrow(/Read-only file system/);
  await world.berth.apply(list(config('second')));
  await eventually(async () => (await world.sh('files', 'cat /settings/deep/a.txt')) === 'second', {
    what: 'the new content',
  });
  expect(await world.sh('files', 'cat /one')).toBe('first');
  await world.berth.apply(
    list(
      pod('files-missing', {
        volumes: [{ name: 'v', configMap: { name: 'nothing' } }],
        mounts: [{ name: 'v', mountPath: '/v' }],
      }),
    ),
  );
  await world.event(
    'files-missing',
    'FailedMount',
    /MountVolume.SetUp failed for volume "v" : configmap "nothing" not found/,
  );
});

test.concurrent('downwardAPI files tell of the pod and follow its labels', async () => {
  const items = [
    { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
    { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
    { path: 'memory', resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Mi' } },
    // Without a limit of its own: what the node has.
    { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu' } },
  ];
  const volumes = [{ name: 'info', downwardAPI: { items } }];
  const mounts = [{ name: 'info', mountPath: '/info' }];
  const container = { resources: { limits: { memory: '64Mi' } } };
  await world.start(pod('downward', { volumes, mounts, container, metadata: { labels: { tier: 'one' } } }));
  expect(
    await world.sh('downward', 'cat /info/labels; echo; cat /info/name; echo; cat /info/memory; echo; cat /info/cpu'),
  ).toBe(`tier="one"\ndownward\n64\n${cpus().length}`);
  await world.berth.kubectl(['label', 'pod', 'downward', 'tier=two', '--overwrite']);
  await eventually(async () => (await world.sh('downward', 'cat /info/labels')) === 'tier="two"', {
    what: 'the new label',
  });
});

test.concurrent('a projected service account token is who it says, for the API server', async () => {
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ];
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader' } };
  const volumes = [{ name: 'all', projected: { sources } }];
  const mounts = [{ name: 'all', mountPath: '/all' }];
  // The API server listens on this machine's loopback only.
  const spec = { serviceAccountName: 'reader', hostNetwork: true };
  await world.start(account, pod('token', { volumes, mounts, spec, image: 'berth.local/tools:latest' }));
  const program = `
    const { readFileSync } = require('node:fs'), https = require('node:https');
    const ca = readFileSync('/all/ca.crt'), token = readFileSync('/all/token', 'utf8');
    const ask = (method, path, body) => new Promise((resolve, reject) => {
      const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
      https.request(process.argv[1] + path, { method, headers, ca }, (answer) => {
        let text = ''; answer.on('data', (part) => (text += part)).on('end', () => resolve(JSON.parse(text)));
      }).on('error', reject).end(body && JSON.stringify(body));
    });
    (async () => {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const version = await ask('GET', '/version');
      const self = await ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review);
      console.log(JSON.stringify({ version: version.major, user: self.status.userInfo.username, namespace: readFileSync('/all/namespace', 'utf8') }));
    })();`;
  const answer = await world.berth.kubectl(['exec', 'token', '--', 'node', '-e', program, world.berth.ready.server]);
  expect(JSON.parse(answer)).toEqual({
    version: '1',
    user: 'system:serviceaccount:default:reader',
    namespace: 'default',
  });
});

test.concurrent('a mount made on the host reaches a container that asks for propagation, and no other', async () => {
  const shared = join(host, 'propagated');
  mkdirSync(join(shared, 'inner'), { recursive: true });
  execFileSync('mount', ['--bind', shared, shared]);
  execFileSync('mount', ['--make-shared', shared]);
  try {
    const volumes = [{ name: 'v', hostPath: { path: shared } }];
    const mounts = [
      { name: 'v', mountPath: '/follows', mountPropagation: 'HostToContainer' },
      { name: 'v', mountPath: '/stays' },
    ];
    await world.start(pod('propagation', { volumes, mounts }));
    execFileSync('mount', ['-t', 'tmpfs', 'berth-test', join(shared, 'inner')]);
    writeFileSync(join(shared, 'inner/new'), 'new\n');
    expect(await world.sh('propagation', 'cat /follows/inner/new; ls /stays/inner')).toBe('new\n');
  } finally {
    execFileSync('umount', ['-R', '-l', shared]);
    rmSync(shared, { recursive: true, force: true });
  }
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { claim, list, type Manifest, ofClaim, pod, storageClass, testImage } from '../harness/manifests.ts';

/** One berth for all: the tests use objects of their own names, and mostly wait. */
let berth: Berth;
let host: string;

beforeAll(async () => {
  berth = await Berth.start();
  host = mkdtempSync(join(berth.dataDir, 'host-'));
  const archive = join(berth.dataDir, 'box.tar');
  await writeDockerArchive(archive, webServerRecipe(testImage));
  expect(await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir])).toMatchObject({
    code: 0,
  });
  await berth.apply(
    list(
      storageClass('now'),
      storageClass('later', { volumeBindingMode: 'WaitForFirstConsumer' }),
      storageClass('kept', { reclaimPolicy: 'Retain' }),
      storageClass('noatime', { mountOptions: ['noatime'] }),
      storageClass('odd-option', { mountOptions: ['no-such-option'] }),
    ),
  );
});

afterAll(() => berth?.[Symbol.asyncDispose]());

async function running(name: string): Promise<void> {
  try {
    await berth.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=40s']);
  } catch (error) {
    throw new Error(`${name} did not run:\n${(await berth.tryKubectl(['describe', 'pod', name])).stdout}`, {
      cause: error,
    });
  }
}

async function start(...objects: readonly Manifest[]): Promise<void> {
  await berth.apply(list(...objects));
  for (const { kind, metadata } of objects) if (kind === 'Pod') await running((metadata as { name: string }).name);
}

const sh = (name: string, script: string) => berth.kubectl(['exec', name, '--', 'sh', '-c', script]);

interface EventList {
  readonly items: readonly { readonly reason: string; readonly message: string }[];
}

/** Waits for an event about an object that says what is expected. */
function event(name: string, reason: string, words: RegExp) {
  return eventually(
    async () => {
      const { items } = await berth.get<EventList>('events', '--field-selector', `involvedObject.name=${name}`);
      return items.find((item) => item.reason === reason && words.test(item.message));
    },
    { what: `event ${reason} ${words} of ${name}`, timeoutMs: 30_000 },
  );
}

interface Claim {
  readonly spec: { readonly volumeName?: string };
  readonly status: { readonly phase: string };
}

const bound = (name: string) =>
  eventually(
    async () => {
      const found = await berth.get<Claim>('pvc', name);
      return found.status.phase === 'Bound' && found;
    },
    { what: `claim ${name} Bound`, timeoutMs: 20_000 },
  );

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
  await start({ ...base, spec: { ...spec, containers: [...spec.containers, second] } });
  await sh('empty', 'echo shared > /disk/file');
  expect(await berth.kubectl(['exec', 'empty', '-c', 'second', '--', 'cat', '/disk/file'])).toBe('shared\n');
  expect(await sh('empty', 'stat -c %a /disk')).toBe('777\n');
  expect(await sh('empty', 'cat /proc/mounts')).toMatch(/^tmpfs \/memory tmpfs \S*size=16384k/m);
  await expect(sh('empty', 'head -c 20000000 /dev/zero > /memory/big')).rejects.toThrow(/No space left|I\/O error/);
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
  await start(pod('host', { volumes, mounts }));
  expect(await sh('host', 'cat /file; echo written > /made/x; echo touched > /touched')).toBe('from the host\n');
  expect(readFileSync(join(host, 'made/deep/x'), 'utf8')).toBe('written\n');
  expect(readFileSync(join(host, 'touched'), 'utf8')).toBe('touched\n');
  const wrong = pod('host-wrong', {
    volumes: [of('v', 'file', 'Directory')],
    mounts: [{ name: 'v', mountPath: '/v' }],
  });
  await berth.apply(list(wrong));
  await event('host-wrong', 'FailedMount', /hostPath type check failed: .*\/file is not a directory/);
  const none = pod('host-none', { volumes: [of('v', 'none', 'Socket')], mounts: [{ name: 'v', mountPath: '/v' }] });
  await berth.apply(list(none));
  await event('host-none', 'FailedMount', /hostPath type check failed: .*\/none is not a socket file/);
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
  await start(config('first'), secret, pod('files', { volumes, mounts }));
  const look =
    'cat /settings/deep/a.txt /one /keys/key; echo; stat -L -c %a /settings/deep/a.txt /keys/key; ls /settings /absent; grep " /keys " /proc/mounts';
  const seen = await sh('files', look);
  expect(seen).toMatch(/^firstfirsthidden\n400\n440\n\/absent:\n\n\/settings:\ndeep\n(tmpfs) \/keys tmpfs r[ow]/);
  await expect(sh('files', 'echo x > /settings/deep/a.txt')).rejects.toThrow(/Read-only file system/);
  await berth.apply(list(config('second')));
  await eventually(async () => (await sh('files', 'cat /settings/deep/a.txt')) === 'second', {
    what: 'the new content',
  });
  expect(await sh('files', 'cat /one')).toBe('first');
  await berth.apply(
    list(
      pod('files-missing', {
        volumes: [{ name: 'v', configMap: { name: 'nothing' } }],
        mounts: [{ name: 'v', mountPath: '/v' }],
      }),
    ),
  );
  await event(
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
  ];
  const volumes = [{ name: 'info', downwardAPI: { items } }];
  const mounts = [{ name: 'info', mountPath: '/info' }];
  const container = { resources: { limits: { memory: '64Mi' } } };
  await start(pod('downward', { volumes, mounts, container, metadata: { labels: { tier: 'one' } } }));
  expect(await sh('downward', 'cat /info/labels; echo; cat /info/name; echo; cat /info/memory')).toBe(
    'tier="one"\ndownward\n64',
  );
  await berth.kubectl(['label', 'pod', 'downward', 'tier=two', '--overwrite']);
  await eventually(async () => (await sh('downward', 'cat /info/labels')) === 'tier="two"', { what: 'the new label' });
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
  await start(account, pod('token', { volumes, mounts, spec, image: 'berth.local/tools:latest' }));
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
  const answer = await berth.kubectl(['exec', 'token', '--', 'node', '-e', program, berth.ready.server]);
  expect(JSON.parse(answer)).toEqual({
    version: '1',
    user: 'system:serviceaccount:default:reader',
    namespace: 'default',
  });
});

test.concurrent('fsGroup owns a CSI volume, and supplementalGroups reach the process', async () => {
  const spec = { securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, supplementalGroups: [3000] } };
  const parts = { volumes: [ofClaim('data', 'grouped')], mounts: [{ name: 'data', mountPath: '/data' }], spec };
  await start(claim('grouped', { storageClassName: 'now' }), pod('grouped', parts));
  const seen = await sh('grouped', 'echo mine > /data/file; id; stat -c "%g %a" /data; stat -c %g /data/file');
  expect(seen).toMatch(/^uid=1000 gid=1000 groups=(1000,)?2000,3000\n2000 2777\n2000\n$/);
});

test.concurrent('two pods share a claim; where it is mounted read-only nothing can be written', async () => {
  const writer = { volumes: [ofClaim('data', 'shared')], mounts: [{ name: 'data', mountPath: '/data' }] };
  const reader = {
    volumes: [ofClaim('data', 'shared', { readOnly: true })],
    mounts: [{ name: 'data', mountPath: '/data' }],
  };
  const mountOnly = {
    volumes: [ofClaim('data', 'shared')],
    mounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
  };
  await start(
    claim('shared', { storageClassName: 'now' }),
    pod('writer', writer),
    pod('reader', reader),
    pod('mount-only', mountOnly),
  );
  await sh('writer', 'echo hello > /data/file');
  for (const name of ['reader', 'mount-only']) {
    expect(await sh(name, 'cat /data/file')).toBe('hello\n');
    await expect(sh(name, 'echo x > /data/file')).rejects.toThrow(/Read-only file system/);
  }
});

test.concurrent('subPath and subPathExpr give a container its own directory of a volume, and cannot leave it', async () => {
  const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
  const mounts = [
    { name: 'data', mountPath: '/all' },
    { name: 'data', mountPath: '/one', subPath: 'a/b' },
    { name: 'data', mountPath: '/mine', subPathExpr: 'of/$(POD)' },
  ];
  await start(
    claim('parts', { storageClassName: 'now' }),
    pod('parts', { volumes: [ofClaim('data', 'parts')], mounts, container: { env } }),
  );
  expect(await sh('parts', 'echo 1 > /one/x; echo 2 > /mine/y; cat /all/a/b/x /all/of/parts/y')).toBe('1\n2\n');
  await sh('parts', 'ln -s /etc /all/escape');
  const leaving = {
    volumes: [ofClaim('data', 'parts')],
    mounts: [{ name: 'data', mountPath: '/x', subPath: 'escape' }],
  };
  await berth.apply(list(pod('parts-escape', leaving)));
  await event('parts-escape', 'Failed', /failed to prepare subPath for volumeMount "data" of container "main"/);
});

test.concurrent('a raw block volume is refused by a backend of directories', async () => {
  await berth.apply(list(claim('raw', { storageClassName: 'now', volumeMode: 'Block' })));
  await event('raw', 'ProvisioningFailed', /block/i);
  expect((await berth.get<Claim>('pvc', 'raw')).status.phase).toBe('Pending');
});

test.concurrent('a generic ephemeral volume has a claim of its own that goes with its pod', async () => {
  const { spec } = claim('', { storageClassName: 'later' });
  const volumes = [
    { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'brief' } }, spec } } },
  ];
  await start(
    pod('brief', { volumes, mounts: [{ name: 'scratch', mountPath: '/scratch' }], script: 'echo x > /scratch/x' }),
  );
  const { metadata } = await berth.get<{ metadata: { ownerReferences: unknown; labels: unknown } }>(
    'pvc',
    'brief-scratch',
  );
  expect(metadata).toMatchObject({
    labels: { of: 'brief' },
    ownerReferences: [{ kind: 'Pod', name: 'brief', controller: true, blockOwnerDeletion: true }],
  });
  await berth.kubectl(['delete', 'pod', 'brief']);
  await eventually(async () => (await berth.tryKubectl(['get', 'pvc', 'brief-scratch'])).code !== 0, {
    what: 'the claim gone',
  });
});

test.concurrent('mountOptions of a class are in the mount, and one that does not exist is an event', async () => {
  const mounts = [{ name: 'data', mountPath: '/data' }];
  await start(
    claim('timeless', { storageClassName: 'noatime' }),
    pod('timeless', { volumes: [ofClaim('data', 'timeless')], mounts }),
  );
  expect(await sh('timeless', 'grep " /data " /proc/mounts')).toMatch(/ rw,(\w+,)*noatime/);
  await berth.apply(
    list(claim('odd', { storageClassName: 'odd-option' }), pod('odd', { volumes: [ofClaim('data', 'odd')], mounts })),
  );
  await event('odd', 'ProvisioningFailed', /rpc error: code = InvalidArgument desc = .*mount_flags/);
});

test.concurrent('a class that retains keeps volume and data when the claim goes', async () => {
  const parts = { volumes: [ofClaim('data', 'keep')], mounts: [{ name: 'data', mountPath: '/data' }] };
  await start(
    claim('keep', { storageClassName: 'kept' }),
    pod('keep', { ...parts, script: 'echo precious > /data/file' }),
  );
  const { spec } = await bound('keep');
  const volume = spec.volumeName as string;
  await berth.kubectl(['delete', 'pod', 'keep']);
  await berth.kubectl(['delete', 'pvc', 'keep']);
  await berth.kubectl(['wait', '--for=jsonpath={.status.phase}=Released', `pv/${volume}`, '--timeout=20s']);
  const files = readdirSync(join(berth.dataDir, 'nodes/node-1/pool'), { recursive: true }) as string[];
  const kept = files
    .filter((path) => path.endsWith('/file'))
    .map((path) => join(berth.dataDir, 'nodes/node-1/pool', path));
  expect(kept.map((path) => readFileSync(path, 'utf8'))).toContain('precious\n');
});

test.concurrent('a claim selects hand-made volumes by labels and expressions', async () => {
  const volume = (name: string, labels: Manifest, source: Manifest) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: '',
      ...source,
    },
  });
  for (const name of ['slow', 'fast', 'local']) mkdirSync(join(host, name));
  const affinity = {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }] },
      ],
    },
  };
  const selected = (name: string, selector: Manifest) =>
    claim(name, { storageClassName: '', storage: '1Gi', selector });
  await berth.apply(
    list(
      volume('pv-slow', { release: 'stable', environment: 'test' }, { hostPath: { path: join(host, 'slow') } }),
      volume('pv-fast', { release: 'stable', environment: 'dev' }, { hostPath: { path: join(host, 'fast') } }),
      volume('pv-local', { kind: 'local' }, { local: { path: join(host, 'local') }, nodeAffinity: affinity }),
      selected('by-label', {
        matchLabels: { release: 'stable' },
        matchExpressions: [{ key: 'environment', operator: 'In', values: ['dev'] }],
      }),
      selected('by-local', {
        matchExpressions: [
          { key: 'kind', operator: 'Exists' },
          { key: 'environment', operator: 'DoesNotExist' },
        ],
      }),
      selected('by-nothing', { matchLabels: { release: 'no-such' } }),
    ),
  );
  expect((await bound('by-label')).spec.volumeName).toBe('pv-fast');
  expect((await bound('by-local')).spec.volumeName).toBe('pv-local');
  const volumes = [ofClaim('fast', 'by-label'), ofClaim('local', 'by-local')];
  const mounts = [
    { name: 'fast', mountPath: '/fast' },
    { name: 'local', mountPath: '/local' },
  ];
  await start(pod('selecting', { volumes, mounts, script: 'echo 1 > /fast/x; echo 2 > /local/x' }));
  expect(readFileSync(join(host, 'fast/x'), 'utf8') + readFileSync(join(host, 'local/x'), 'utf8')).toBe('1\n2\n');
  expect((await berth.get<Claim>('pvc', 'by-nothing')).status.phase).toBe('Pending');
});

test.concurrent('Immediate binds at once, WaitForFirstConsumer when a pod comes', async () => {
  await berth.apply(
    list(claim('at-once', { storageClassName: 'now' }), claim('with-pod', { storageClassName: 'later' })),
  );
  await bound('at-once');
  await event('with-pod', 'WaitForFirstConsumer', /^waiting for first consumer to be created before binding$/);
  expect((await berth.get<Claim>('pvc', 'with-pod')).status.phase).toBe('Pending');
  await start(
    pod('with-pod', { volumes: [ofClaim('data', 'with-pod')], mounts: [{ name: 'data', mountPath: '/data' }] }),
  );
  await bound('with-pod');
});

test.concurrent('ReadWriteOncePod lets one pod have the claim', async () => {
  const parts = { volumes: [ofClaim('data', 'single')], mounts: [{ name: 'data', mountPath: '/data' }] };
  await start(claim('single', { storageClassName: 'now', accessModes: ['ReadWriteOncePod'] }), pod('only', parts));
  await berth.apply(list(pod('second', parts)));
  await event(
    'second',
    'FailedScheduling',
    /1 node\(s\) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod/,
  );
  await berth.kubectl(['delete', 'pod', 'only']);
  await running('second');
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
    await start(pod('propagation', { volumes, mounts }));
    execFileSync('mount', ['-t', 'tmpfs', 'berth-test', join(shared, 'inner')]);
    writeFileSync(join(shared, 'inner/new'), 'new\n');
    expect(await sh('propagation', 'cat /follows/inner/new; ls /stays/inner')).toBe('new\n');
  } finally {
    execFileSync('umount', ['-R', '-l', shared]);
    rmSync(shared, { recursive: true, force: true });
  }
});

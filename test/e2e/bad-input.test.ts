import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually, sleep } from '../harness/berth.ts';
import { writeDockerArchive } from '../harness/image-archive.ts';
import { claim, pod, sleeper, tools } from '../harness/pod-manifests.ts';
import { ScriptedCsiDriver } from '../harness/scripted-csi-driver.ts';
import { fillDisk, mountSmallDisk } from '../harness/small-disk.ts';

const secret = 'hunter2-do-not-log';
const probe = `berth-bad-input-${process.pid}`;

let berth: Berth;
/** Small disks of their own, so that they can be filled. */
const disks = { store: '64m', 'nodes/node-1/pool': '16m', 'nodes/node-1/logs': '1m' };

beforeAll(async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-bad-'));
  for (const [name, size] of Object.entries(disks)) mountSmallDisk(join(dataDir, name), size);
  berth = await Berth.start({ dataDir, args: ['--log-level', 'debug'] });
  const archive = join(berth.dataDir, 'escape.tar');
  await writeDockerArchive(archive, {
    name: 'example.com/escape:1',
    layers: [{ out: { symlink: '../../../../../../../../etc' } }],
    config: { Cmd: ['/nothing'] },
  });
  const loaded = await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir]);
  if (loaded.code !== 0) throw new Error(loaded.stderr);
  await berth.apply(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: now }
provisioner: csi.berth.local
volumeBindingMode: Immediate
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: nobody }
provisioner: nobody.example.com
`);
});
afterAll(() => berth?.[Symbol.asyncDispose]());

interface Event {
  readonly reason: string;
  readonly message: string;
}

async function events(name: string): Promise<string[]> {
  const { items } = await berth.get<{ items: Event[] }>('events', '--field-selector', `involvedObject.name=${name}`);
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}

/** Waits for an event of the object that holds the text. */
const eventOf = (name: string, text: string) =>
  eventually(async () => (await events(name)).find((line) => line.includes(text)), { what: `"${text}" for ${name}` });

async function refused(manifest: string, ...says: string[]): Promise<void> {
  const { code, stderr } = await berth.tryKubectl(['create', '-f', '-'], { input: manifest });
  for (const words of says) expect(stderr).toContain(words);
  expect(code).toBe(1);
}

const phase = async (kind: string, name: string) =>
  (await berth.get<{ status: { phase: string } }>(kind, name)).status.phase;
const running = (name: string) =>
  eventually(async () => (await phase('pod', name)) === 'Running', { what: `${name} running` });
const bound = (name: string) =>
  eventually(async () => (await phase('pvc', name)) === 'Bound', { what: `${name} bound` });

test.concurrent('an unknown field is refused by name', async () => {
  const manifest =
    'apiVersion: v1\nkind: Pod\nmetadata: { name: u }\nspec: { contaners: [], containers: [{ name: a, image: x, imag: y }] }\n';
  await refused(
    manifest,
    'strict decoding error: unknown field "spec.containers[0].imag", unknown field "spec.contaners"',
  );
});

test.concurrent('sizes that are none are refused', async () => {
  await refused(claim('minus', '-1'), 'spec.resources[storage]: Invalid value: "-1": must be greater than zero');
  await refused(claim('zero', '0'), 'must be greater than zero');
  await refused(claim('unit', '1Gib'), 'quantities must match the regular expression');
});

test.concurrent('a claim of 100Ei is answered by the driver, and waits', async () => {
  await berth.apply(claim('huge', '100Ei'));
  await eventOf(
    'huge',
    'ProvisioningFailed: failed to provision volume with StorageClass "now": rpc error: code = OutOfRange',
  );
  expect(await phase('pvc', 'huge')).toBe('Pending');
});

test.concurrent('a claim of a class that is not there waits, and its event says so', async () => {
  await berth.apply(claim('noclass', '1Mi', 'nope'));
  await eventOf('noclass', 'ProvisioningFailed: storageclass.storage.k8s.io "nope" not found');
  expect(await phase('pvc', 'noclass')).toBe('Pending');
});

test.concurrent('a claim of a class whose provisioner nobody serves waits for it', async () => {
  await berth.apply(claim('unserved', '1Mi', 'nobody'));
  await eventOf(
    'unserved',
    "Waiting for a volume to be created either by the external provisioner 'nobody.example.com'",
  );
  expect(await phase('pvc', 'unserved')).toBe('Pending');
});

test.concurrent('names that could be paths, too long or unprintable are refused everywhere', async () => {
  const names = ['a/../b', '..', 'a/b', '"a\\nb"', '"\\u0000"', 'a'.repeat(300)];
  const kinds = ['v1 Pod', 'v1 PersistentVolumeClaim', 'v1 Namespace', 'apps/v1 StatefulSet'];
  const manifests = kinds.flatMap((kind) =>
    names.map((name) => {
      const [apiVersion, word] = kind.split(' ');
      return `apiVersion: ${apiVersion}\nkind: ${word}\nmetadata: { name: ${name} }\nspec: {}\n`;
    }),
  );
  const { code, stderr } = await berth.tryKubectl(['create', '-f', '-'], { input: manifests.join('---\n') });
  expect(code).toBe(1);
  expect(stderr.match(/metadata\.name: Invalid value/g)).toHaveLength(manifests.length);
  const inside = pod(
    'inside',
    'volumeMounts: [{ name: a/b, mountPath: /x, subPath: ../y }]',
    '  volumes: [{ name: a/b, emptyDir: {} }]',
  );
  await refused(
    inside.replace('name: c,', 'name: ../c,'),
    'spec.volumes[0].name: Invalid value: "a/b"',
    'spec.containers[0].name: Invalid value: "../c"',
    "must not contain '..'",
  );
});

test.concurrent('a set whose pods would have too long a name says so and makes none', async () => {
  const name = 'a'.repeat(60);
  await berth.apply(`
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ${name} }
spec: { serviceName: x, selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } }, spec: { containers: [{ name: a, image: x }] } } }
`);
  await eventOf(
    name,
    `FailedCreate: Create Pod ${name}-0 in StatefulSet ${name} failed error: Pod "${name}-0" is invalid`,
  );
  await berth.kubectl(['delete', 'statefulset', name]);
});

test.concurrent('an image that no name can have is not pulled', async () => {
  await berth.apply(pod('badimage', '').replace(tools, 'UPPER/../x'));
  await eventOf(
    'badimage',
    'InspectFailed: Failed to apply default image tag "UPPER/../x": couldn\'t parse image name "UPPER/../x": invalid reference format',
  );
});

test.concurrent("a mountPath through an image's link stays inside the container", async () => {
  await berth.apply(
    pod(
      'escape',
      `volumeMounts: [{ name: v, mountPath: /out/${probe} }]`,
      '  volumes: [{ name: v, emptyDir: {} }]',
    ).replace(tools, 'example.com/escape:1'),
  );
  await eventually(async () => (await events('escape')).some((line) => /^(Started|Failed|BackOff)/.test(line)), {
    what: 'a try',
  });
  expect(existsSync(`/etc/${probe}`)).toBe(false);
});

test.concurrent('a subPath that leaves its volume fails its container alone', async () => {
  const mounts = (name: string, subPath: string) =>
    `  - { name: ${name}, image: "${tools}", command: [sleep, "1000"], volumeMounts: [{ name: v, mountPath: /w, subPath: ${subPath} }] }`;
  await berth.apply(`
apiVersion: v1
kind: Pod
metadata: { name: sub }
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - { name: i, image: "${tools}", command: [sh, -c, "ln -s /etc /v/out; ln -s ../../../../.. /v/up"], volumeMounts: [{ name: v, mountPath: /v }] }
  containers:
${mounts('out', `out/${probe}-sub`)}
${mounts('up', 'up')}
${mounts('good', 'good')}
  volumes: [{ name: v, emptyDir: {} }]
`);
  await eventOf('sub', 'Failed: Error: failed to create subPath directory for volumeMount "v" of container "out"');
  await eventOf('sub', 'Failed: Error: failed to prepare subPath for volumeMount "v" of container "up"');
  await eventually(
    async () => {
      const { status } = await berth.get<Pod>('pod', 'sub');
      return status?.containerStatuses?.some(({ name, state }) => name === 'good' && state?.running?.startedAt);
    },
    { what: 'the good container' },
  );
  expect(existsSync(`/etc/${probe}-sub`)).toBe(false);
});

test.concurrent('a pod of ten thousand containers, and one of as many labels, are answered', async () => {
  const containers = Array.from({ length: 10_000 }, (_, i) => ({ name: `c${i}`, image: 'x' }));
  const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`l${i}`, 'x']));
  const body = (spec: object, metadata: object) =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'many', ...metadata }, spec });
  for (const input of [body({ containers }, {}), body({ containers: containers.slice(0, 1) }, { labels })]) {
    const { stderr } = await berth.tryKubectl(['create', '--dry-run=server', '-f', '-'], { input });
    expect(stderr).toBe('');
  }
});

test.concurrent('JSON nested ten thousand deep is refused and nothing falls', async () => {
  const input = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  const file = join(berth.dataDir, 'deep.json');
  writeFileSync(file, input);
  const { code, stderr } = await berth.tryKubectl([
    'create',
    '--raw',
    '/api/v1/namespaces/default/configmaps',
    '-f',
    file,
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/BadRequest|bad request|400|cannot unmarshal|cannot be handled/i);
  expect(await berth.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
});

test.concurrent('a billion replicas leave the server answering', async () => {
  await berth.kubectl(['create', 'namespace', 'billion']);
  await berth.apply(`
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: big, namespace: billion }
spec: { serviceName: x, replicas: 1000000000, podManagementPolicy: Parallel, selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } }, spec: { nodeSelector: { no: where }, containers: [{ name: a, image: x }] } } }
`);
  await eventually(async () => (await berth.get<{ items: object[] }>('pods', '-n', 'billion')).items.length > 100, {
    what: 'its first pods',
  });
  expect(await berth.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
  await berth.kubectl(['delete', 'statefulset', 'big', '-n', 'billion', '--cascade=foreground', '--wait=false']);
  await berth.kubectl(['delete', 'namespace', 'billion', '--wait=false']);
});

const fill = (name: string) => fillDisk(join(berth.dataDir, name));

test('a second berth is refused the data directory, and another the port', async () => {
  const port = new URL(berth.ready.server).port;
  const same = await berth.command('berth', ['up', '--data-dir', berth.dataDir, '--port', '0']);
  expect(same).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`is used by another berth (pid ${berth.ready.pid})`),
  });
  const dataDir = join(tmpdir(), `berth-bad-${port}`);
  const other = await berth.command('berth', ['up', '--data-dir', dataDir, '--port', port]);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(`port ${port} of 127.0.0.1 is in use`) });
  expect(existsSync(dataDir)).toBe(false);
  expect(await berth.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
});

test('a full disk of the store refuses writes, loses nothing it said yes to, and goes on when there is room', async () => {
  await berth.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);
  const accepted: string[] = [];
  {
    using _ = fill('store');
    const file = join(berth.dataDir, 'blob');
    writeFileSync(file, 'x'.repeat(1_000_000));
    // The store's file and log have room of their own, from what they held before.
    let refusals = 0;
    for (let i = 0; i < 100 && refusals < 2; i++) {
      const { code, stderr } = await berth.tryKubectl(['create', 'configmap', `full-${i}`, `--from-file=${file}`]);
      if (code === 0) accepted.push(`configmap/full-${i}`);
      else {
        refusals++;
        expect(stderr).toContain('no space left on the disk; free some, then try again');
      }
    }
    expect(refusals).toBe(2);
    expect(await berth.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toBe('configmap/kept\n');
  }
  await berth.kubectl(['create', 'configmap', 'after', '--from-literal=a=b']);
  const names = (await berth.kubectl(['get', 'configmaps', '-o', 'name'])).split('\n');
  expect(names.filter((name) => name.includes('full-')).sort()).toEqual(accepted.sort());
});

test('a full pool refuses a new volume with ResourceExhausted, and makes it when there is room', async () => {
  await berth.apply(claim('roomy', '1Mi'));
  await bound('roomy');
  {
    using _ = fill('nodes/node-1/pool');
    await berth.apply(claim('tight', '1Mi'));
    await eventOf(
      'tight',
      'ProvisioningFailed: failed to provision volume with StorageClass "now": rpc error: code = ResourceExhausted',
    );
  }
  await bound('tight');
});

test('pods go on, and start, while the disk of their logs is full', async () => {
  const talk = 'i=0; while :; do i=$((i+1)); echo line $i; echo $i > /n.new; mv /n.new /n; sleep 0.05; done';
  await berth.apply(pod('talks', '').replace('sleep 1000', talk));
  await running('talks');
  const said = async () => Number(await berth.kubectl(['exec', 'talks', '--', 'cat', '/n']));
  {
    using _ = fill('nodes/node-1/logs');
    const before = await eventually(async () => (await said()) || undefined);
    await berth.apply(pod('starts', ''));
    await running('starts');
    expect(await said()).toBeGreaterThan(before);
  }
  const now = await said();
  const later = async () => Number(/line (\d+)/.exec(await berth.kubectl(['logs', 'talks', '--tail=1']))?.[1]) > now;
  await eventually(later, { what: 'a new line in the log' });
});

test('a driver that hangs, dies and comes back holds up its own volume alone, and its pod can be deleted', async () => {
  const kubelet = join(berth.dataDir, 'nodes/node-1/kubelet');
  mkdirSync(join(kubelet, 'plugins/faulty'), { recursive: true });
  const options = {
    name: 'faulty.example.com',
    socket: join(kubelet, 'plugins/faulty/csi.sock'),
    registrationSocket: join(kubelet, 'plugins_registry/faulty-reg.sock'),
  };
  const volume = (name: string, driver: string) => `
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: ${name} }
spec: { capacity: { storage: 1Mi }, accessModes: [ReadWriteOnce], storageClassName: "", csi: { driver: ${driver}, volumeHandle: ${name} }, claimRef: { namespace: default, name: ${name} } }
---${claim(name, '1Mi', '""')}---${sleeper(name, name)}`;
  await berth.apply(`
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: { name: faulty.example.com }
spec: { attachRequired: false }
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: { name: absent.example.com }
spec: { attachRequired: false }
${volume('absent', 'absent.example.com')}`);
  await eventOf(
    'absent',
    'FailedMount: MountVolume.MountDevice failed for volume "absent" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name absent.example.com not found in the list of registered CSI drivers',
  );
  const driver = await new ScriptedCsiDriver(options).start();
  driver.script('NodeStageVolume', 'hang');
  await eventually(async () => driver.notified.length > 0, { what: 'registration' });
  await berth.apply(volume('hung', 'faulty.example.com').replace('---', ''));
  await eventually(async () => driver.calls.some(({ method }) => method === 'NodeStageVolume'), {
    what: 'the hanging call',
  });
  await berth.apply(`${claim('other', '1Mi')}---${sleeper('other', 'other')}`);
  await running('other');
  // A server that is shut down by force resets what it was answering.
  await driver[Symbol.asyncDispose]();
  await eventOf('hung', 'FailedMount: MountVolume.MountDevice failed for volume "hung" : rpc error: code = Canceled');
  await using again = await new ScriptedCsiDriver(options).start();
  await eventually(async () => again.history.length > 0, { what: 'a call to the driver that came back' });
  await berth.kubectl(['delete', 'pod', 'hung', 'absent', '--timeout=120s']);
  await eventually(async () => again.staged.size === 0 && again.published.size === 0, {
    what: 'the volume given back',
  });
});

test('no secret is in the log, at its most talkative', async () => {
  await berth.apply(`
apiVersion: v1
kind: Secret
metadata: { name: s }
stringData: { password: ${secret} }
---
apiVersion: v1
kind: Secret
metadata: { name: registry }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '{"auths":{"127.0.0.1:9":{"auth":"${Buffer.from(`user:${secret}`).toString('base64')}"}}}' }
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: secretive }
provisioner: csi.berth.local
volumeBindingMode: Immediate
parameters:
  csi.storage.k8s.io/provisioner-secret-name: s
  csi.storage.k8s.io/provisioner-secret-namespace: default
  csi.storage.k8s.io/node-stage-secret-name: s
  csi.storage.k8s.io/node-stage-secret-namespace: default
  csi.storage.k8s.io/node-publish-secret-name: s
  csi.storage.k8s.io/node-publish-secret-namespace: default
---${claim('secretive', '1Mi', 'secretive')}---${sleeper('secretive', 'secretive').replace('command:', 'env: [{ name: P, valueFrom: { secretKeyRef: { name: s, key: password } } }], command:').replace('automountServiceAccountToken: false', 'automountServiceAccountToken: true')}---${pod('pulls', '', '  imagePullSecrets: [{ name: registry }]').replace(tools, '127.0.0.1:9/x:1')}`);
  await running('secretive');
  expect(await berth.kubectl(['exec', 'secretive', '--', 'sh', '-c', 'echo $P'])).toContain(secret);
  await eventOf('pulls', 'Failed: Failed to pull image');
  const token = await berth.kubectl([
    'exec',
    'secretive',
    '--',
    'cat',
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
  ]);
  await sleep(200);
  for (const hidden of [
    secret,
    Buffer.from(secret).toString('base64'),
    Buffer.from(`user:${secret}`).toString('base64'),
    token.split('.')[2] as string,
    'PRIVATE KEY',
  ])
    expect(berth.log.includes(hidden)).toBe(false);
  expect(berth.log).toContain('debug');
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PersistentVolumeClaim } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../harness/berth.ts';
import { claim, list, type Manifest, ofClaim, pod, testImage } from '../harness/manifests.ts';
import { PodWorld } from '../harness/pod-world.ts';

let world: PodWorld;
let host: string;

beforeAll(async () => {
  world = await PodWorld.start();
  host = mkdtempSync(join(world.berth.dataDir, 'host-'));
});

afterAll(() => world?.[Symbol.asyncDispose]());

test.concurrent('fsGroup owns a CSI volume, and supplementalGroups reach the process', async () => {
  const spec = { securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, supplementalGroups: [3000] } };
  const parts = { volumes: [ofClaim('data', 'grouped')], mounts: [{ name: 'data', mountPath: '/data' }], spec };
  await world.start(claim('grouped', { storageClassName: 'now' }), pod('grouped', parts));
  const seen = await world.sh('grouped', 'echo mine > /data/file; id; stat -c "%g %a" /data; stat -c %g /data/file');
  expect(seen).toMatch(/^uid=1000 gid=1000 groups=(1000,)?2000,3000\n2000 2777\n2000\n$/);
});

test.concurrent('a node tells how full its pods’ volumes are, and what its pods use', async () => {
  const parts = { volumes: [ofClaim('data', 'told')], mounts: [{ name: 'data', mountPath: '/data' }] };
  await world.start(claim('told', { storageClassName: 'now' }), pod('told', parts));
  await world.sh('told', 'head -c 2000000 /dev/zero > /data/file; sync');
  const { spec, metadata } = JSON.parse(await world.berth.kubectl(['get', 'pod', 'told', '-o', 'json']));
  const raw = (path: string) => world.berth.kubectl(['get', '--raw', `/api/v1/nodes/${spec.nodeName}/proxy/${path}`]);
  const { node, pods } = JSON.parse(await raw('stats/summary'));
  expect(node).toMatchObject({ nodeName: spec.nodeName, fs: { capacityBytes: expect.any(Number) } });
  const told = pods.find(({ podRef }: { podRef: { uid: string } }) => podRef.uid === metadata.uid);
  const { namespace } = metadata;
  expect(told).toMatchObject({
    podRef: { name: 'told', namespace },
    memory: { workingSetBytes: expect.any(Number) },
    containers: [{ name: 'main', cpu: { usageCoreNanoSeconds: expect.any(Number) } }],
    'ephemeral-storage': { usedBytes: expect.any(Number) },
    network: { name: 'eth0', rxBytes: expect.any(Number) },
  });
  const [main] = told.containers;
  expect([main.rootfs.inodesUsed > 0, main.logs.capacityBytes > 0]).toEqual([true, true]);
  const volume = told.volume.find(({ name }: { name: string }) => name === 'data');
  expect(volume).toMatchObject({ pvcRef: { name: 'told', namespace }, capacityBytes: expect.any(Number) });
  expect(volume.usedBytes).toBeGreaterThanOrEqual(2_000_000);
  const cadvisor = await raw('metrics/cadvisor');
  const ofMain = `image="${testImage}",name="[0-9a-f]+",namespace="${namespace}",pod="told"`;
  expect(cadvisor).toMatch(
    new RegExp(
      `^container_cpu_usage_seconds_total\\{container="main",cpu="total",id="/[^"]+",${ofMain}\\} \\S+ \\d+$`,
      'm',
    ),
  );
  expect(cadvisor).toMatch(
    new RegExp(
      `^container_network_receive_bytes_total\\{container="",id="/[^"]+",image="",interface="eth0",name="",namespace="${namespace}",pod="told"\\} `,
      'm',
    ),
  );
  const resource = await raw('metrics/resource');
  expect(resource).toMatch(
    new RegExp(
      `^container_cpu_usage_seconds_total\\{container="main",namespace="${namespace}",pod="told"\\} \\S+ \\d+$`,
      'm',
    ),
  );
  const metrics = await raw('metrics');
  expect(metrics).toMatch(
    /^storage_operation_duration_seconds_count\{migrated="false",operation_name="volume_mount",status="success",volume_plugin="kubernetes.io\/csi:csi.berth.local"\} [1-9]/m,
  );
  const used = new RegExp(
    `^kubelet_volume_stats_used_bytes{namespace="${namespace}",persistentvolumeclaim="told"} (\\d+)$`,
    'm',
  );
  expect(Number(used.exec(metrics)?.[1])).toBeGreaterThanOrEqual(2_000_000);
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
  await world.start(
    claim('shared', { storageClassName: 'now' }),
    pod('writer', writer),
    pod('reader', reader),
    pod('mount-only', mountOnly),
  );
  await world.sh('writer', 'echo hello > /data/file');
  for (const name of ['reader', 'mount-only']) {
    expect(await world.sh(name, 'cat /data/file')).toBe('hello\n');
    await expect(world.sh(name, 'echo x > /data/file')).rejects.toThrow(/Read-only file system/);
  }
});

test.concurrent('subPath and subPathExpr give a container its own directory of a volume, and cannot leave it', async () => {
  const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
  const mounts = [
    { name: 'data', mountPath: '/all' },
    { name: 'data', mountPath: '/one', subPath: 'a/b' },
    { name: 'data', mountPath: '/mine', subPathExpr: 'of/$(POD)' },
  ];
  await world.start(
    claim('parts', { storageClassName: 'now' }),
    pod('parts', { volumes: [ofClaim('data', 'parts')], mounts, container: { env } }),
  );
  expect(await world.sh('parts', 'echo 1 > /one/x; echo 2 > /mine/y; cat /all/a/b/x /all/of/parts/y')).toBe('1\n2\n');
  await world.sh('parts', 'ln -s /etc /all/escape');
  const leaving = {
    volumes: [ofClaim('data', 'parts')],
    mounts: [{ name: 'data', mountPath: '/x', subPath: 'escape' }],
  };
  await world.berth.apply(list(pod('parts-escape', leaving)));
  await world.event('parts-escape', 'Failed', /failed to prepare subPath for volumeMount "data" of container "main"/);
});

test.concurrent('a raw block volume is refused by a backend of directories', async () => {
  await world.berth.apply(list(claim('raw', { storageClassName: 'now', volumeMode: 'Block' })));
  await world.event('raw', 'ProvisioningFailed', /block/i);
  expect((await world.claim('raw')).status.phase).toBe('Pending');
});

test.concurrent('a generic ephemeral volume has a claim of its own that goes with its pod', async () => {
  const { spec } = claim('', { storageClassName: 'later' });
  const volumes = [
    { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'brief' } }, spec } } },
  ];
  await world.start(
    pod('brief', { volumes, mounts: [{ name: 'scratch', mountPath: '/scratch' }], script: 'echo x > /scratch/x' }),
  );
  const { metadata } = await world.berth.get<{ metadata: { ownerReferences: unknown; labels: unknown } }>(
    'pvc',
    'brief-scratch',
  );
  expect(metadata).toMatchObject({
    labels: { of: 'brief' },
    ownerReferences: [{ kind: 'Pod', name: 'brief', controller: true, blockOwnerDeletion: true }],
  });
  await world.berth.kubectl(['delete', 'pod', 'brief']);
  const claims = async () => (await world.berth.get<{ items: PersistentVolumeClaim[] }>('pvc')).items;
  await eventually(async () => (await claims()).every(({ metadata }) => metadata.name !== 'brief-scratch'), {
    what: 'the claim gone',
  });
});

test.concurrent('mountOptions of a class are in the mount, and one that does not exist is an event', async () => {
  const mounts = [{ name: 'data', mountPath: '/data' }];
  await world.start(
    claim('timeless', { storageClassName: 'noatime' }),
    pod('timeless', { volumes: [ofClaim('data', 'timeless')], mounts }),
  );
  expect(await world.sh('timeless', 'grep " /data " /proc/mounts')).toMatch(/ rw,(\w+,)*noatime/);
  await world.berth.apply(
    list(claim('odd', { storageClassName: 'odd-option' }), pod('odd', { volumes: [ofClaim('data', 'odd')], mounts })),
  );
  await world.event('odd', 'ProvisioningFailed', /rpc error: code = InvalidArgument desc = .*mount_flags/);
});

test.concurrent('a class that retains keeps volume and data when the claim goes', async () => {
  const parts = { volumes: [ofClaim('data', 'keep')], mounts: [{ name: 'data', mountPath: '/data' }] };
  await world.start(
    claim('keep', { storageClassName: 'kept' }),
    pod('keep', { ...parts, script: 'echo precious > /data/file' }),
  );
  const { spec } = await world.bound('keep');
  const volume = spec.volumeName as string;
  await world.berth.kubectl(['delete', 'pod', 'keep']);
  await world.berth.kubectl(['delete', 'pvc', 'keep']);
  await world.berth.kubectl(['wait', '--for=jsonpath={.status.phase}=Released', `pv/${volume}`, '--timeout=120s']);
  const files = readdirSync(join(world.berth.dataDir, 'nodes/node-1/pool'), { recursive: true }) as string[];
  const kept = files
    .filter((path) => path.endsWith('/file'))
    .map((path) => join(world.berth.dataDir, 'nodes/node-1/pool', path));
  expect(kept.map((path) => readFileSync(path, 'utf8'))).toContain('precious\n');
  // The volume is the driver's still; a volume object made by hand gives it to a new claim.
  const old = await world.berth.get<{ spec: { csi: Manifest; capacity: Manifest; nodeAffinity?: Manifest } }>(
    'pv',
    volume,
  );
  const { csi, capacity, nodeAffinity } = old.spec;
  await world.berth.kubectl(['delete', 'pv', volume]);
  const again = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'by-hand' },
    spec: {
      csi,
      capacity,
      nodeAffinity,
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      persistentVolumeReclaimPolicy: 'Retain',
    },
  };
  const second = claim('kept-again', { storageClassName: '', volumeName: 'by-hand' });
  await world.start(again, second, pod('kept-again', { ...parts, volumes: [ofClaim('data', 'kept-again')] }));
  expect(await world.sh('kept-again', 'cat /data/file')).toBe('precious\n');
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
  await world.berth.apply(
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
  expect((await world.bound('by-label')).spec.volumeName).toBe('pv-fast');
  expect((await world.bound('by-local')).spec.volumeName).toBe('pv-local');
  const volumes = [ofClaim('fast', 'by-label'), ofClaim('local', 'by-local')];
  const mounts = [
    { name: 'fast', mountPath: '/fast' },
    { name: 'local', mountPath: '/local' },
  ];
  await world.start(pod('selecting', { volumes, mounts, script: 'echo 1 > /fast/x; echo 2 > /local/x' }));
  expect(readFileSync(join(host, 'fast/x'), 'utf8') + readFileSync(join(host, 'local/x'), 'utf8')).toBe('1\n2\n');
  expect((await world.claim('by-nothing')).status.phase).toBe('Pending');
});

test.concurrent('Immediate binds at once, WaitForFirstConsumer when a pod comes', async () => {
  await world.berth.apply(
    list(claim('at-once', { storageClassName: 'now' }), claim('with-pod', { storageClassName: 'later' })),
  );
  await world.bound('at-once');
  await world.event('with-pod', 'WaitForFirstConsumer', /^waiting for first consumer to be created before binding$/);
  expect((await world.claim('with-pod')).status.phase).toBe('Pending');
  await world.start(
    pod('with-pod', { volumes: [ofClaim('data', 'with-pod')], mounts: [{ name: 'data', mountPath: '/data' }] }),
  );
  await world.bound('with-pod');
});

test.concurrent('ReadWriteOncePod lets one pod have the claim', async () => {
  const parts = { volumes: [ofClaim('data', 'single')], mounts: [{ name: 'data', mountPath: '/data' }] };
  await world.start(
    claim('single', { storageClassName: 'now', accessModes: ['ReadWriteOncePod'] }),
    pod('only', parts),
  );
  await world.berth.apply(list(pod('second', parts)));
  await world.event(
    'second',
    'FailedScheduling',
    /1 node\(s\) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod/,
  );
  await world.berth.kubectl(['delete', 'pod', 'only']);
  await world.running('second');
});

test.concurrent('a clone of a claim has its content, and a life of its own', async () => {
  const parts = (name: string) => ({
    volumes: [ofClaim('data', name)],
    mounts: [{ name: 'data', mountPath: '/data' }],
  });
  await world.start(claim('origin', { storageClassName: 'now' }), pod('origin', parts('origin')));
  await world.sh('origin', 'echo first > /data/file');
  const dataSource = { kind: 'PersistentVolumeClaim', name: 'origin' };
  await world.start(claim('copy', { storageClassName: 'now', dataSource }), pod('copy', parts('copy')));
  await world.sh('origin', 'echo second > /data/file');
  expect(await world.sh('copy', 'cat /data/file')).toBe('first\n');
  await world.berth.kubectl(['delete', 'pod/origin', 'pvc/origin']);
  expect(await world.sh('copy', 'cat /data/file')).toBe('first\n');
});

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { ScriptedCsiDriver, type ScriptedDriverOptions } from '../harness/scripted-csi-driver.ts';
import {
  aPod,
  bindClaim,
  claimVolume,
  csiDriverObject,
  type VolumeHarness,
  volumeHarness,
} from '../harness/volume-harness.ts';

const driverName = 'fake.csi.test';
const never = new AbortController().signal;

async function startDriver(h: VolumeHarness, options: Partial<ScriptedDriverOptions> = {}) {
  const name = options.name ?? driverName;
  const driver = await new ScriptedCsiDriver({
    name,
    socket: join(h.kubeletDir, `${name}.sock`),
    registrationSocket: join(h.kubeletDir, 'plugins_registry', `${name}-reg.sock`),
    ...options,
  }).start();
  await h.until(() => h.registry.find(name) !== undefined, 'the registration');
  return driver;
}

async function withDriver(h: VolumeHarness, options: Partial<ScriptedDriverOptions> = {}, spec = {}) {
  await h.client.create(resources.csidrivers, csiDriverObject(driverName, spec));
  return startDriver(h, options);
}

test('a volume is staged once and published for each pod, and goes the way it came', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  const [a, b] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
  h.manager.setPod(a);
  const mounted = await h.manager.waitForMount(a, never);
  h.manager.setPod(b);
  await h.manager.waitForMount(b, never);
  expect(driver.history).toEqual([
    'NodeStageVolume handle-c1',
    'NodePublishVolume handle-c1',
    'NodePublishVolume handle-c1',
  ]);
  const target = join(h.kubeletDir, 'pods', a.metadata.uid!, 'volumes/kubernetes.io~csi/pv-c1/mount');
  expect(mounted.get('data')).toEqual({ kind: 'filesystem', hostPath: target, readOnly: false });
  expect(JSON.parse(readFileSync(join(target, '../vol_data.json'), 'utf8'))).toMatchObject({
    driverName,
    volumeHandle: 'handle-c1',
    specVolID: 'pv-c1',
    nodeName: 'node-0',
    volumeLifecycleMode: 'Persistent',
  });
  h.manager.removePod(a.metadata.uid!);
  await h.manager.waitForUnmount(a.metadata.uid!, never);
  expect(driver.staged).toEqual(new Set(['handle-c1']));
  h.manager.removePod(b.metadata.uid!);
  await h.until(() => driver.staged.size === 0);
  expect(driver.history.slice(3)).toEqual([
    'NodeUnpublishVolume handle-c1',
    'NodeUnpublishVolume handle-c1',
    'NodeUnstageVolume handle-c1',
  ]);
  expect(existsSync(join(h.kubeletDir, 'pods', a.metadata.uid!, 'volumes'))).toBe(false);
});

test('registration writes CSINode, the topology labels and the node id of the node, and takes the driver away with its socket', async () => {
  await using h = await volumeHarness();
  const driver = await withDriver(h, { topology: { 'topology.fake/zone': 'a' }, maxVolumes: 7 });
  await h.until(() => driver.notified.length > 0);
  expect(driver.notified).toEqual([{ pluginRegistered: true, error: '' }]);
  const csiNode = await h.client.get(resources.csinodes, { name: 'node-0' });
  expect(csiNode.spec.drivers).toEqual([
    { name: driverName, nodeID: 'node-id-1', topologyKeys: ['topology.fake/zone'], allocatable: { count: 7 } },
  ]);
  const node = await h.client.get(resources.nodes, { name: 'node-0' });
  expect(node.metadata.labels).toEqual({ 'topology.fake/zone': 'a' });
  expect(node.metadata.annotations?.['csi.volume.kubernetes.io/nodeid']).toBe(`{"${driverName}":"node-id-1"}`);
  await driver[Symbol.asyncDispose]();
  await h.until(async () => (await h.client.get(resources.csinodes, { name: 'node-0' })).spec.drivers.length === 0);
  expect(h.registry.find(driverName)).toBeUndefined();
});

test('a node that was deleted and registered anew lists its drivers again, whether its CSINode went before that or after', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h, { topology: { 'topology.fake/zone': 'a' } });
  await h.until(() => driver.notified.length > 0);
  const name = 'node-0';
  const dropNode = () => h.client.delete(resources.nodes, { name });
  const dropCsiNode = () => h.client.delete(resources.csinodes, { name });
  const register = () => h.client.create(resources.nodes, { metadata: { name } });
  for (const steps of [
    [dropNode, dropCsiNode, register],
    [dropNode, register, dropCsiNode],
  ]) {
    for (const step of steps) await step();
    const node = await h.client.get(resources.nodes, { name });
    await h.until(async () => {
      const csiNode = await h.client.find(resources.csinodes, { name });
      const { labels, annotations } = (await h.client.get(resources.nodes, { name })).metadata;
      return (
        csiNode?.metadata.ownerReferences?.[0]?.uid === node.metadata.uid &&
        csiNode?.spec.drivers[0]?.name === driverName &&
        labels?.['topology.fake/zone'] === 'a' &&
        annotations?.['csi.volume.kubernetes.io/nodeid'] === `{"${driverName}":"node-id-1"}`
      );
    });
  }
});

/** csimock's table of NodeStage errors: what is called after the pod is deleted while its stage fails. */
test.for([
  { name: 'final', code: 'INVALID_ARGUMENT', unstaged: false },
  { name: 'ephemeral', code: 'DEADLINE_EXCEEDED', unstaged: true },
] as const)('a pod deleted after a $name error of NodeStage: unstage called $unstaged', async ({ code, unstaged }) => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  driver.script('NodeStageVolume', code, code, code, code, code, code, code, code);
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')]);
  h.manager.setPod(pod);
  await h.until(() => driver.calls.filter(({ method }) => method === 'NodeStageVolume').length >= 2);
  h.manager.removePod(pod.metadata.uid!);
  if (unstaged) await h.until(() => driver.history.includes('NodeUnstageVolume handle-c1'));
  else for (let i = 0; i < 20; i++) await h.clock.advance(1000);
  expect(driver.history.includes('NodeUnstageVolume handle-c1')).toBe(unstaged);
  await h.until(() => readdirSync(join(h.kubeletDir, 'plugins/kubernetes.io/csi', driverName)).length === 0);
  expect(h.events.lines[0]).toMatch(
    /^FailedMount: MountVolume\.MountDevice failed for volume "pv-c1" : rpc error: code = \w+ desc = scripted/,
  );
});

test.for(['INVALID_ARGUMENT', 'ABORTED'] as const)(
  'a stage that fails with %s is tried again until it succeeds',
  async (code) => {
    await using h = await volumeHarness();
    await using driver = await withDriver(h);
    await bindClaim(h.client, { name: 'c1', driver: driverName });
    driver.script('NodeStageVolume', code, code);
    driver.script('NodePublishVolume', code);
    h.manager.podsSynced();
    const pod = aPod([claimVolume('c1')]);
    h.manager.setPod(pod);
    const mounted = h.manager.waitForMount(pod, never);
    await h.until(() => driver.published.size === 1);
    await mounted;
    expect(h.events.lines).toHaveLength(2);
  },
);

test.for(['INTERNAL', 'UNAVAILABLE'] as const)(
  'after NodeUnstage failed with %s a new pod is staged again',
  async (code) => {
    await using h = await volumeHarness();
    await using driver = await withDriver(h);
    await bindClaim(h.client, { name: 'c1', driver: driverName });
    h.manager.podsSynced();
    const [a, b] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
    h.manager.setPod(a);
    await h.manager.waitForMount(a, never);
    driver.script('NodeUnstageVolume', code, code, code, code, code, code);
    h.manager.removePod(a.metadata.uid!);
    await h.until(() => driver.history.includes('NodeUnstageVolume handle-c1'));
    h.manager.setPod(b);
    await h.manager.waitForMount(b, never);
    expect(driver.history.filter((call) => call.startsWith('NodeStage'))).toHaveLength(2);
  },
);

test('an uncertain publish is undone when its pod is deleted', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  driver.script('NodePublishVolume', 'DEADLINE_EXCEEDED');
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')]);
  h.manager.setPod(pod);
  await h.until(() => h.events.recorded.length > 0);
  h.manager.removePod(pod.metadata.uid!);
  await h.until(() => driver.staged.size === 0);
  expect(driver.history.slice(-2)).toEqual(['NodeUnpublishVolume handle-c1', 'NodeUnstageVolume handle-c1']);
});

test('a driver that hangs, or is not there, holds up no other volume', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await h.client.create(resources.csidrivers, csiDriverObject('missing.csi.test'));
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  await bindClaim(h.client, { name: 'c2', driver: driverName });
  await bindClaim(h.client, { name: 'c3', driver: 'missing.csi.test' });
  driver.script('NodeStageVolume', 'hang');
  h.manager.podsSynced();
  const [hanging, fine, missing] = [aPod([claimVolume('c1')]), aPod([claimVolume('c2')]), aPod([claimVolume('c3')])];
  h.manager.setPod(hanging);
  await h.until(() => driver.history.length === 1);
  h.manager.setPod(missing);
  h.manager.setPod(fine);
  await h.manager.waitForMount(fine, never);
  expect(h.events.lines).toEqual([
    'FailedMount: MountVolume.MountDevice failed for volume "pv-c3" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name missing.csi.test not found in the list of registered CSI drivers',
  ]);
  await using late = await startDriver(h, { name: 'missing.csi.test' });
  await h.manager.waitForMount(missing, never);
  expect(late.published.size).toBe(1);
});

test("a claim that is not bound yet is mounted the moment it is, and at the deadline kubelet's words say why not", async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')]);
  h.manager.setPod(pod);
  const first = h.manager.waitForMount(pod, never);
  first.catch(() => undefined);
  await h.clock.advance(123_000);
  await expect(first).rejects.toThrow(
    'unmounted volumes=[data], unattached volumes=[], failed to process volumes=[data]: error processing PVC default/c1: failed to fetch PVC from API server: persistentvolumeclaims "c1" not found',
  );
  const second = h.manager.waitForMount(pod, never);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  await second;
  expect(driver.published.size).toBe(1);
});

test('a claim being deleted is refused to a new pod and kept for the one that runs on it', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  const [runs, late] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
  h.manager.setPod(runs);
  await h.manager.waitForMount(runs, never);
  await h.client.delete(resources.persistentvolumeclaims, { namespace: 'default', name: 'c1' });
  await h.clock.advance(1000);
  h.manager.setPod({ ...runs });
  h.manager.setPod(late);
  const waiting = h.manager.waitForMount(late, never);
  waiting.catch(() => undefined);
  await h.clock.advance(123_000);
  await expect(waiting).rejects.toThrow('error processing PVC default/c1: PVC is being deleted');
  expect(driver.history).toEqual(['NodeStageVolume handle-c1', 'NodePublishVolume handle-c1']);
});

test('a driver that attaches waits for the controller, for the attacher and for the node to say that it uses the volume', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h, {}, { attachRequired: true });
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')]);
  h.manager.setPod(pod);
  const name = `kubernetes.io/csi/${driverName}^handle-c1`;
  expect(h.manager.volumesInUse()).toEqual([name]);
  const mounted = h.manager.waitForMount(pod, never);
  h.manager.nodeStatusChanged([{ name, devicePath: '' }], []);
  await h.clock.advance(10_000);
  h.manager.nodeStatusChanged([{ name, devicePath: '' }], [name]);
  await h.clock.advance(10_000);
  expect(driver.history).toEqual([]);
  const { createHash } = await import('node:crypto');
  const attachment = `csi-${createHash('sha256').update(`handle-c1${driverName}node-0`).digest('hex')}`;
  await h.client.create(resources.volumeattachments, {
    metadata: { name: attachment },
    spec: { attacher: driverName, nodeName: 'node-0', source: { persistentVolumeName: 'pv-c1' } },
  });
  await h.client.patch(
    resources.volumeattachments,
    { name: attachment },
    { type: 'merge', patch: { status: { attached: true, attachmentMetadata: { device: '/dev/x' } } } },
    { subresource: 'status' },
  );
  await mounted;
  expect(driver.last('NodeStageVolume').publishContext).toEqual({ device: '/dev/x' });
  expect(driver.last('NodePublishVolume').publishContext).toEqual({ device: '/dev/x' });
  h.manager.removePod(pod.metadata.uid!);
  await h.until(() => h.manager.volumesInUse().length === 0);
  expect(driver.staged.size).toBe(0);
});

test('a second pod on a ReadWriteOncePod claim waits until the first has gone', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h, { capabilities: ['STAGE_UNSTAGE_VOLUME', 'SINGLE_NODE_MULTI_WRITER'] });
  await bindClaim(h.client, { name: 'c1', driver: driverName, accessModes: ['ReadWriteOncePod'] });
  h.manager.podsSynced();
  const [a, b] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
  h.manager.setPod(a);
  await h.manager.waitForMount(a, never);
  expect(driver.last('NodePublishVolume').volumeCapability?.accessMode?.mode).toBe('SINGLE_NODE_SINGLE_WRITER');
  h.manager.setPod(b);
  await h.until(() => h.events.recorded.length > 0);
  expect(h.events.lines).toEqual([
    'FailedMount: MountVolume.SetUp failed for volume "pv-c1" : volume uses the ReadWriteOncePod access mode and is already in use by another pod',
  ]);
  h.manager.removePod(a.metadata.uid!);
  await h.manager.waitForMount(b, never);
  expect(driver.published.size).toBe(1);
});

test('CSIDriver decides what a publish is told: pod info, tokens among the secrets, fsGroup by the driver', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(
    h,
    { capabilities: ['STAGE_UNSTAGE_VOLUME', 'VOLUME_MOUNT_GROUP'] },
    {
      podInfoOnMount: true,
      serviceAccountTokenInSecrets: true,
      requiresRepublish: true,
      tokenRequests: [{ audience: 'vault', expirationSeconds: 3600 }],
    },
  );
  await h.client.create(resources.secrets, {
    metadata: { name: 's', namespace: 'kube-system' },
    data: { user: Buffer.from('admin').toString('base64') },
  });
  const csi = {
    driver: driverName,
    volumeHandle: 'handle-c1',
    fsType: 'xfs',
    volumeAttributes: { pool: 'p' },
    nodePublishSecretRef: { namespace: 'kube-system', name: 's' },
  };
  await bindClaim(h.client, { name: 'c1', driver: driverName, pv: { csi, mountOptions: ['noatime'] } });
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')], (p) => {
    p.spec!.securityContext = { fsGroup: 2000 };
    p.spec!.serviceAccountName = 'builder';
  });
  h.manager.setPod(pod);
  await h.manager.waitForMount(pod, never);
  const publish = driver.last('NodePublishVolume');
  expect(publish.volumeContext).toEqual({
    pool: 'p',
    'csi.storage.k8s.io/pod.name': pod.metadata.name,
    'csi.storage.k8s.io/pod.namespace': 'default',
    'csi.storage.k8s.io/pod.uid': pod.metadata.uid,
    'csi.storage.k8s.io/serviceAccount.name': 'builder',
    'csi.storage.k8s.io/ephemeral': 'false',
  });
  expect(Object.keys(publish.secrets)).toEqual(['user', 'csi.storage.k8s.io/serviceAccount.tokens']);
  expect(JSON.parse(publish.secrets['csi.storage.k8s.io/serviceAccount.tokens']!)).toEqual({
    vault: { token: 'token-1', expirationTimestamp: expect.any(String) },
  });
  expect(publish.volumeCapability).toMatchObject({
    mount: { fsType: 'xfs', mountFlags: ['noatime'], volumeMountGroup: '2000' },
    accessMode: { mode: 'SINGLE_NODE_WRITER' },
  });
  expect(driver.last('NodeStageVolume').volumeContext).toEqual({ pool: 'p' });
  await h.clock.advance(60_000);
  await h.until(() => driver.calls.filter(({ method }) => method === 'NodePublishVolume').length === 2, 'a republish');
});

test('an inline volume is published without a stage where its driver allows it', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h, {}, { volumeLifecycleModes: ['Ephemeral'] });
  h.manager.podsSynced();
  const pod = aPod([{ name: 'scratch', csi: { driver: driverName, volumeAttributes: { size: '1Gi' } } }]);
  h.manager.setPod(pod);
  await h.manager.waitForMount(pod, never);
  expect(driver.history).toEqual([expect.stringMatching(/^NodePublishVolume csi-[0-9a-f]{64}$/)]);
  h.manager.removePod(pod.metadata.uid!);
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
  expect(driver.published.size).toBe(0);
});

test('after a crash nothing is unmounted before the pods are known, then what nobody wants is undone', async () => {
  const first = await volumeHarness();
  await using driver = await withDriver(first);
  for (const name of ['c1', 'c2', 'c3']) await bindClaim(first.client, { name, driver: driverName });
  first.manager.podsSynced();
  const [stays, goes] = [aPod([claimVolume('c1')]), aPod([claimVolume('c2'), claimVolume('c3', 'more')])];
  for (const pod of [stays, goes]) {
    first.manager.setPod(pod);
    await first.manager.waitForMount(pod, never);
  }
  // The crash between Unpublish and Unstage: the pod's directory is gone, the stage is not (k/k#85476).
  driver.script('NodeUnstageVolume', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE');
  const half = aPod([claimVolume('c4')]);
  await bindClaim(first.client, { name: 'c4', driver: driverName });
  first.manager.setPod(half);
  await first.manager.waitForMount(half, never);
  first.manager.removePod(half.metadata.uid!);
  await first.until(() => driver.history.includes('NodeUnstageVolume handle-c4'));
  await first.kill();
  driver.script('NodeUnstageVolume');
  driver.calls.length = 0;

  await using h = await volumeHarness({
    kubeletDir: first.kubeletDir,
    transport: first.transport,
    clock: first.clock,
    mounter: first.mounter,
  });
  await h.until(() => h.registry.find(driverName) !== undefined);
  for (let i = 0; i < 10; i++) await h.clock.advance(1000);
  expect(driver.history).toEqual([]);
  h.manager.setPod(stays);
  await h.manager.waitForMount(stays, never);
  expect(driver.history).toEqual(['NodeStageVolume handle-c1', 'NodePublishVolume handle-c1']);
  h.manager.podsSynced();
  await h.until(() => driver.staged.size === 1 && driver.published.size === 1);
  expect([...driver.staged]).toEqual(['handle-c1']);
  expect(driver.history.filter((call) => call.includes('handle-c4'))).toEqual(['NodeUnstageVolume handle-c4']);
  await h.until(() => !existsSync(join(h.kubeletDir, 'pods', goes.metadata.uid!, 'volumes/kubernetes.io~csi/pv-c2')));
});

test('a block volume is staged, published as a device and linked for its pod', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName, pv: { volumeMode: 'Block' } });
  h.manager.podsSynced();
  const pod = aPod([claimVolume('c1')], (p) => {
    p.spec!.containers[0]!.volumeMounts = [];
    p.spec!.containers[0]!.volumeDevices = [{ name: 'data', devicePath: '/dev/xvda' }];
  });
  h.manager.setPod(pod);
  await h.manager.waitForMount(pod, never);
  const publish = join(h.kubeletDir, 'plugins/kubernetes.io/csi/volumeDevices/publish/pv-c1', pod.metadata.uid!);
  expect(driver.last('NodePublishVolume')).toMatchObject({ targetPath: publish, volumeCapability: { block: {} } });
  expect((await h.manager.containerVolumes(pod, 'c')).devices).toEqual([
    { containerPath: '/dev/xvda', hostPath: publish, readOnly: false },
  ]);
  h.manager.removePod(pod.metadata.uid!);
  await h.until(() => driver.staged.size === 0);
  await h.until(() => !existsSync(join(h.kubeletDir, 'plugins/kubernetes.io/csi/volumeDevices/pv-c1')));
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
});

async function growClaim(h: VolumeHarness, storage: string) {
  const patch = { type: 'merge', patch: { spec: { capacity: { storage } } } } as const;
  await h.client.patch(resources.persistentvolumes, { name: 'pv-c1' }, patch);
  const conditions = [{ type: 'FileSystemResizePending', status: 'True' }];
  const allocatedResourceStatuses = { storage: 'NodeResizePending' };
  const status = { type: 'merge', patch: { status: { conditions, allocatedResourceStatuses } } } as const;
  const claim = { namespace: 'default', name: 'c1' };
  await h.client.patch(resources.persistentvolumeclaims, claim, status, { subresource: 'status' });
}

async function smallClaim(h: VolumeHarness) {
  await bindClaim(h.client, { name: 'c1', driver: driverName, pv: { capacity: { storage: '1Mi' } } });
  const status = { type: 'merge', patch: { status: { capacity: { storage: '1Mi' } } } } as const;
  const claim = { namespace: 'default', name: 'c1' };
  await h.client.patch(resources.persistentvolumeclaims, claim, status, { subresource: 'status' });
}

test.for(['while unused', 'while a pod uses it'])(
  'a claim grown %s is grown on the node, with the writes of the real kubelet',
  async (when) => {
    await using h = await volumeHarness();
    await using driver = await withDriver(h, { capabilities: ['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME'] });
    await smallClaim(h);
    h.manager.podsSynced();
    const pod = aPod([claimVolume('c1')]);
    if (when === 'while a pod uses it') {
      h.manager.setPod(pod);
      await h.manager.waitForMount(pod, never);
    }
    await growClaim(h, '2Mi');
    h.api.writes.length = 0;
    h.manager.setPod(pod);
    await h.manager.waitForMount(pod, never);
    const claim = () => h.client.get(resources.persistentvolumeclaims, { namespace: 'default', name: 'c1' });
    await h.until(async () => (await claim()).status?.capacity?.['storage'] === '2Mi');
    expect(driver.last('NodeExpandVolume')).toMatchObject({
      volumeId: 'handle-c1',
      capacityRange: { requiredBytes: '2097152' },
    });
    const statuses = h.api.writes
      .filter(({ plural }) => plural === 'persistentvolumeclaims')
      .map(({ after }) => (after as { status?: { allocatedResourceStatuses?: Record<string, string> } }).status);
    expect(statuses).toMatchObject([
      { allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } },
      { capacity: { storage: '2Mi' } },
    ]);
    expect((await claim()).status?.conditions).toBeUndefined();
    const words = 'MountVolume.NodeExpandVolume succeeded for volume "pv-c1" node-0';
    await h.until(() => h.events.recorded.length === 2);
    expect(h.events.recorded.map(({ about, reason, message }) => [about, reason, message])).toEqual([
      [`Pod/${pod.metadata.name}`, 'FileSystemResizeSuccessful', words],
      ['PersistentVolumeClaim/c1', 'FileSystemResizeSuccessful', words],
    ]);
    if (when === 'while unused') expect(driver.history.at(-1)).toBe('NodePublishVolume handle-c1');
  },
);

test.each([
  ['OUT_OF_RANGE', 'NodeResizeInfeasible', 'OutOfRange'],
  ['INTERNAL', 'NodeResizeInProgress', 'Internal'],
] as const)(
  'a volume whose growth ends in %s is published as it is, and its claim says %s',
  async (code, turn, name) => {
    await using h = await volumeHarness();
    await using driver = await withDriver(h, { capabilities: ['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME'] });
    await smallClaim(h);
    await growClaim(h, '2Mi');
    driver.script('NodeExpandVolume', ...Array(20).fill(code));
    h.manager.podsSynced();
    const pod = aPod([claimVolume('c1')]);
    h.manager.setPod(pod);
    await h.manager.waitForMount(pod, never);
    expect(h.events.recorded[0]).toMatchObject({ type: 'Warning', reason: 'FileSystemResizeFailed' });
    const claim = await h.client.get(resources.persistentvolumeclaims, { namespace: 'default', name: 'c1' });
    expect(claim.status).toMatchObject({
      capacity: { storage: '1Mi' },
      allocatedResourceStatuses: { storage: turn },
    });
    expect(claim.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'NodeResizeError',
        status: 'True',
        message: `failed to expand pvc with rpc error: code = ${name} desc = scripted ${code}`,
      }),
    );
  },
);

test('a volume whose records are cut off or lost is found again by its PV', async () => {
  const first = await volumeHarness();
  await using driver = await withDriver(first);
  await bindClaim(first.client, { name: 'c1', driver: driverName });
  first.manager.podsSynced();
  const pod = aPod([claimVolume('c1')]);
  first.manager.setPod(pod);
  await first.manager.waitForMount(pod, never);
  await first.kill();
  const { kubeletDir, transport, clock, mounter } = first;
  const device = join(kubeletDir, 'plugins/kubernetes.io/csi', driverName);
  writeFileSync(join(device, readdirSync(device)[0]!, 'vol_data.json'), '{"driverName":"fa');
  rmSync(join(kubeletDir, 'pods', pod.metadata.uid!, 'volumes/kubernetes.io~csi/pv-c1/vol_data.json'));
  await using h = await volumeHarness({ kubeletDir, transport, clock, mounter });
  await h.until(() => h.registry.find(driverName) !== undefined);
  h.manager.podsSynced();
  await h.until(() => driver.staged.size === 0);
  expect(driver.published.size).toBe(0);
  await h.until(() => readdirSync(device).length === 0);
});

test('two PVs of one storage in one pod are refused by name, in two pods they share its stage', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  for (const name of ['c1', 'c2']) await bindClaim(h.client, { name, driver: driverName, handle: 'same' });
  h.manager.podsSynced();
  const [a, b] = [aPod([claimVolume('c1')]), aPod([claimVolume('c2')])];
  for (const pod of [a, b]) {
    h.manager.setPod(pod);
    await h.manager.waitForMount(pod, never);
  }
  expect(driver.history).toEqual(['NodeStageVolume same', 'NodePublishVolume same', 'NodePublishVolume same']);
  const both = aPod([claimVolume('c1', 'one'), claimVolume('c2', 'two')]);
  h.manager.setPod(both);
  const waiting = h.manager.waitForMount(both, never);
  waiting.catch(() => undefined);
  await h.clock.advance(123_000);
  await expect(waiting).rejects.toThrow('volume pv-c2 is the same storage as volume pv-c1 of this pod');
});

test('a pod has not gone before the volume it was the last to use is unstaged', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  const [a, b] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
  for (const pod of [a, b]) {
    h.manager.setPod(pod);
    await h.manager.waitForMount(pod, never);
  }
  driver.script('NodeUnstageVolume', 'UNAVAILABLE');
  h.manager.removePod(a.metadata.uid!);
  await h.manager.waitForUnmount(a.metadata.uid!, never);
  h.manager.removePod(b.metadata.uid!);
  let stagedAtEnd: number | undefined;
  const end = h.manager.waitForUnmount(b.metadata.uid!, never).then(() => {
    stagedAtEnd = driver.staged.size;
  });
  await h.until(() => stagedAtEnd !== undefined, 'the end of the pod');
  await end;
  expect(stagedAtEnd).toBe(0);
});

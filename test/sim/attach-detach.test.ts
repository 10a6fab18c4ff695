import { join } from 'node:path';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { KubeClient as Client, type KubeClient, resources, startInformers, type VolumeAttachment } from '@berth/kube';
import { startAttachDetachController } from '@berth/volume-manager';
import { expect, test } from 'vitest';
import { FakeApi } from '../harness/fake-api.ts';
import { FakeEvents } from '../harness/fake-recorder.ts';
import { ScriptedCsiDriver } from '../harness/scripted-csi-driver.ts';
import { aPod, bindClaim, claimVolume, csiDriverObject, volumeHarness } from '../harness/volume-harness.ts';

const driverName = 'attach.csi.test';
const uniqueName = `kubernetes.io/csi/${driverName}^handle-c1`;

async function harness(options: { api?: FakeApi; clock?: FakeClock } = {}) {
  const clock = options.clock ?? new FakeClock();
  const api = options.api ?? new FakeApi({ clock });
  const client = new Client(api);
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger, rng: seededRng(2) }, stop.signal);
  const events = new FakeEvents();
  const controller = await startAttachDetachController(
    {
      client,
      informers,
      clock,
      rng: seededRng(4),
      log: silentLogger,
      events: events.recorder('attachdetach-controller'),
    },
    stop.signal,
  );
  return {
    api,
    client,
    clock,
    events,
    informers,
    /** Everything that is due happens, without time going on. */
    async quiet() {
      for (let i = 0; i < 20; i++) await clock.advance(0);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
    },
  };
}

type Harness = Awaited<ReturnType<typeof harness>>;

async function addNode(
  client: KubeClient,
  name: string,
  status: object = { conditions: [{ type: 'Ready', status: 'True' }] },
) {
  const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
  await client.create(resources.nodes, { metadata: { name, annotations } });
  await patchNode(client, name, status);
}

const patchNode = (client: KubeClient, name: string, status: object) =>
  client.patch(resources.nodes, { name }, { type: 'merge', patch: { status } }, { subresource: 'status' });

async function addPod(client: KubeClient, nodeName: string, claim = 'c1') {
  return client.create(
    resources.pods,
    aPod([claimVolume(claim)], (pod) => {
      pod.spec!.nodeName = nodeName;
    }),
  );
}

const removePod = (client: KubeClient, name: string) =>
  client.patch(
    resources.pods,
    { namespace: 'default', name },
    { type: 'merge', patch: { status: { phase: 'Succeeded' } } },
    { subresource: 'status' },
  );

const setStatus = (client: KubeClient, va: VolumeAttachment, status: object) =>
  client.patch(
    resources.volumeattachments,
    { name: va.metadata.name! },
    { type: 'merge', patch: { status } },
    { subresource: 'status' },
  );

const attachmentsOf = (h: Harness) => h.api.all<VolumeAttachment>(resources.volumeattachments);
const reported = async (h: Harness, node: string) =>
  ((await h.client.get(resources.nodes, { name: node })).status?.volumesAttached ?? []).map(({ name }) => name);

async function attached(options: { accessModes?: string[] } = {}) {
  const h = await harness();
  await h.client.create(resources.csidrivers, csiDriverObject(driverName, { attachRequired: true }));
  await addNode(h.client, 'node-a');
  await addNode(h.client, 'node-b');
  await bindClaim(h.client, { name: 'c1', driver: driverName, ...options });
  const pod = await addPod(h.client, 'node-a');
  await h.quiet();
  const [va] = attachmentsOf(h);
  await setStatus(h.client, va!, { attached: true });
  await h.quiet();
  return { h, pod, va: va! };
}

test("a scheduled pod's volume gets an attachment, then the event, then the node's report", async () => {
  const { h, va } = await attached();
  await using _ = h;
  expect(va.metadata.name).toMatch(/^csi-[0-9a-f]{64}$/);
  expect(va.spec).toEqual({ attacher: driverName, nodeName: 'node-a', source: { persistentVolumeName: 'pv-c1' } });
  expect(h.events.lines).toEqual(['SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pv-c1" ']);
  expect(await reported(h, 'node-a')).toEqual([uniqueName]);
});

test('a volume is detached only after the node has stopped using it, off the report first', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  await patchNode(h.client, 'node-a', { volumesInUse: [uniqueName] });
  await removePod(h.client, pod.metadata.name!);
  await h.quiet();
  await h.clock.advance(3600_000);
  expect([attachmentsOf(h).length, await reported(h, 'node-a')]).toEqual([1, [uniqueName]]);
  h.api.writes.length = 0;
  await patchNode(h.client, 'node-a', { volumesInUse: null });
  await h.quiet();
  expect(attachmentsOf(h)).toEqual([]);
  expect(h.api.writes.map(({ plural, type }) => `${plural} ${type}`)).toEqual([
    'nodes MODIFIED',
    'nodes MODIFIED',
    'volumeattachments DELETED',
  ]);
  expect(await reported(h, 'node-a')).toEqual([]);
});

test('a node that is not ready is detached by force after six minutes, not before', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  await patchNode(h.client, 'node-a', {
    volumesInUse: [uniqueName],
    conditions: [{ type: 'Ready', status: 'Unknown' }],
  });
  await removePod(h.client, pod.metadata.name!);
  await h.clock.advance(6 * 60_000 - 1000);
  expect(attachmentsOf(h)).toHaveLength(1);
  await h.clock.advance(2000);
  expect(attachmentsOf(h)).toEqual([]);
});

test('a clock that is set on takes no time from a node that is not ready', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  await patchNode(h.client, 'node-a', {
    volumesInUse: [uniqueName],
    conditions: [{ type: 'Ready', status: 'Unknown' }],
  });
  await removePod(h.client, pod.metadata.name!);
  await h.clock.advance(1000);
  h.clock.setOn(3600_000);
  await patchNode(h.client, 'node-a', { volumesInUse: [uniqueName, 'another'] });
  await h.clock.advance(5 * 60_000);
  expect(attachmentsOf(h)).toHaveLength(1);
  await h.clock.advance(60_000);
  expect(attachmentsOf(h)).toEqual([]);
});

test('a node taken out of service is detached from at once', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  await patchNode(h.client, 'node-a', { volumesInUse: [uniqueName], conditions: [{ type: 'Ready', status: 'False' }] });
  await removePod(h.client, pod.metadata.name!);
  await h.quiet();
  expect(attachmentsOf(h)).toHaveLength(1);
  const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
  await h.client.patch(resources.nodes, { name: 'node-a' }, { type: 'merge', patch: { spec: { taints } } });
  await h.quiet();
  expect(attachmentsOf(h)).toEqual([]);
});

test('a node that was deleted keeps what its pods use until they are gone, and is told of it again when it comes back', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  await h.client.delete(resources.nodes, { name: 'node-a' });
  await h.quiet();
  await h.clock.advance(3600_000);
  expect(attachmentsOf(h)).toHaveLength(1);
  await addNode(h.client, 'node-a');
  await h.quiet();
  expect(await reported(h, 'node-a')).toEqual([uniqueName]);
  await h.client.delete(resources.nodes, { name: 'node-a' });
  await removePod(h.client, pod.metadata.name!);
  await h.quiet();
  expect(attachmentsOf(h)).toEqual([]);
});

test('nothing is attached to a node that does not exist', async () => {
  const { h } = await attached({ accessModes: ['ReadWriteMany'] });
  await using _ = h;
  await addPod(h.client, 'node-lost');
  await h.quiet();
  expect(attachmentsOf(h).map(({ spec }) => spec.nodeName)).toEqual(['node-a']);
});

test('a ReadWriteOnce volume is not attached to a second node, whose pod is told once who has it', async () => {
  const { h, pod } = await attached();
  await using _ = h;
  h.events.recorded.length = 0;
  const second = await addPod(h.client, 'node-b');
  await h.quiet();
  await patchNode(h.client, 'node-b', { volumesInUse: ['x'] });
  await h.quiet();
  expect(h.events.recorded).toEqual([
    expect.objectContaining({
      about: `Pod/${second.metadata.name}`,
      reason: 'FailedAttachVolume',
      message: `Multi-Attach error for volume "pv-c1" Volume is already used by pod(s) ${pod.metadata.name}`,
    }),
  ]);
  expect(attachmentsOf(h).map(({ spec }) => spec.nodeName)).toEqual(['node-a']);
  await removePod(h.client, pod.metadata.name!);
  await h.quiet();
  expect(attachmentsOf(h).map(({ spec }) => spec.nodeName)).toEqual(['node-b']);
});

test('a ReadWriteMany volume is attached to every node that wants it', async () => {
  const { h } = await attached({ accessModes: ['ReadWriteMany'] });
  await using _ = h;
  await addPod(h.client, 'node-b');
  await h.quiet();
  expect(
    attachmentsOf(h)
      .map(({ spec }) => spec.nodeName)
      .sort(),
  ).toEqual(['node-a', 'node-b']);
});

test("an attacher's error is told to the pod in its words", async () => {
  const h = await harness();
  await using _ = h;
  await h.client.create(resources.csidrivers, csiDriverObject(driverName, { attachRequired: true }));
  await addNode(h.client, 'node-a');
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  await addPod(h.client, 'node-a');
  await h.quiet();
  const message = 'rpc error: code = ResourceExhausted desc = too many volumes';
  await setStatus(h.client, attachmentsOf(h)[0]!, {
    attached: false,
    attachError: { message, time: '2030-01-01T00:00:00Z' },
  });
  await h.quiet();
  expect(h.events.lines).toEqual([`FailedAttachVolume: AttachVolume.Attach failed for volume "pv-c1" : ${message}`]);
});

test('attachments go when a driver stops to attach, and none are made for one that never did', async () => {
  const { h } = await attached();
  await using _ = h;
  const ref = { name: driverName };
  await h.client.patch(resources.csidrivers, ref, { type: 'merge', patch: { spec: { attachRequired: false } } });
  await h.quiet();
  expect(attachmentsOf(h)).toEqual([]);
  await bindClaim(h.client, { name: 'c2', driver: driverName });
  await addPod(h.client, 'node-a', 'c2');
  await h.quiet();
  expect(attachmentsOf(h)).toEqual([]);
});

test('a controller that starts anew finds what is attached, and detaches what nobody wants', async () => {
  const { h, pod } = await attached();
  await h[Symbol.asyncDispose]();
  await removePod(h.client, pod.metadata.name!);
  const { api, clock } = h;
  await using again = await harness({ api, clock });
  await again.quiet();
  expect(attachmentsOf(again)).toEqual([]);
  expect(await reported(again, 'node-a')).toEqual([]);
});

test('an attachment somebody else made is left alone', async () => {
  const { h, pod, va } = await attached();
  await using _ = h;
  const foreign = { metadata: { name: 'mine' }, spec: { ...va.spec, nodeName: 'node-b' } };
  await h.client.create(resources.volumeattachments, foreign);
  await removePod(h.client, pod.metadata.name!);
  await h.quiet();
  expect(attachmentsOf(h).map(({ metadata }) => metadata.name)).toEqual(['mine']);
});

test('controller, attacher and volume manager bring a volume up and down in the order of the real stack', async () => {
  const onInUse = (names: readonly string[]) =>
    void patchNode(h.client, 'node-0', { volumesInUse: names.length > 0 ? names : null });
  await using h = await volumeHarness({ onInUse });
  const { api, clock, client } = h;
  await using ad = await harness({ api, clock });
  await client.patch(
    resources.nodes,
    { name: 'node-0' },
    { type: 'merge', patch: { status: { conditions: [{ type: 'Ready', status: 'True' }] } } },
    { subresource: 'status' },
  );
  await client.create(resources.csidrivers, csiDriverObject(driverName, { attachRequired: true }));
  await using driver = await new ScriptedCsiDriver({ name: driverName, socket: join(h.kubeletDir, 'd.sock') }).start();
  await h.registry.register(driverName, join(h.kubeletDir, 'd.sock'));
  await bindClaim(client, { name: 'c1', driver: driverName });
  ad.informers.of(resources.volumeattachments).onChange((_, { before, after }) => {
    if (!before && after) void setStatus(client, after, { attached: true });
  });
  ad.informers.of(resources.nodes).onChange((_, { after }) => {
    h.manager.nodeStatusChanged(after?.status?.volumesAttached ?? [], after?.status?.volumesInUse ?? []);
  });
  h.manager.podsSynced();
  api.writes.length = 0;
  const pod = await addPod(client, 'node-0');
  h.manager.setPod(pod);
  const mounted = h.manager.waitForMount(pod, new AbortController().signal);
  await h.until(() => driver.published.size === 1);
  await mounted;
  await removePod(client, pod.metadata.name!);
  h.manager.removePod(pod.metadata.uid!);
  await h.until(() => driver.staged.size === 0);
  await h.until(() => attachmentsOf(ad).length === 0);
  const steps = api.writes
    .filter(({ plural }) => plural === 'volumeattachments' || plural === 'nodes')
    .map(({ plural, type, after }) => {
      const status = (after as { status?: { volumesInUse?: string[]; volumesAttached?: object[]; attached?: boolean } })
        .status;
      if (plural === 'nodes')
        return `node attached=${status?.volumesAttached?.length ?? 0} inUse=${status?.volumesInUse?.length ?? 0}`;
      return `va ${type} attached=${status?.attached}`;
    });
  const order = steps.filter((step, i) => step !== steps[i - 1]);
  expect(order.filter((step) => step.startsWith('va'))).toEqual([
    'va ADDED attached=false',
    'va MODIFIED attached=true',
    'va DELETED attached=true',
  ]);
  const down = order.slice(order.indexOf('node attached=1 inUse=1') + 1);
  expect(down).toEqual(['node attached=1 inUse=0', 'node attached=0 inUse=0', 'va DELETED attached=true']);
});

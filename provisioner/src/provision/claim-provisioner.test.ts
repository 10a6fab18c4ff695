import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiError, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../../test/harness/storage-builders.ts';
import { StorageWorld, type WorldOptions } from '../../../test/harness/storage-world.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

async function aWorld(options: WorldOptions = {}): Promise<StorageWorld> {
  const world = await StorageWorld.start(options);
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  return world;
}

function deleteClaim(world: StorageWorld) {
  return world.client.delete(claims, { namespace: 'NS', name: 'c1' });
}

test('a final error of CreateVolume is reported and tried again after 1 s, then 2 s', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', { code: 'INTERNAL', message: 'disk on fire' }, { code: 'INTERNAL' });
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.count('CreateVolume') === 1);
  await world.clock.advance(900);
  expect(world.csi.count('CreateVolume')).toBe(1);
  await world.clock.advance(200);
  expect(world.csi.count('CreateVolume')).toBe(2);
  await world.clock.advance(1800);
  expect(world.csi.count('CreateVolume')).toBe(2);
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(world.events.lines).toContain(
    'ProvisioningFailed: failed to provision volume with StorageClass "csi-hostpath-sc": rpc error: code = Internal desc = disk on fire',
  );
});

test('an invalid argument is tried again only at the longest interval, or when the class changes', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', { code: 'INVALID_ARGUMENT' });
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.count('CreateVolume') === 1);
  await world.clock.advance(200_000);
  expect(world.csi.count('CreateVolume')).toBe(1);
  await world.client.delete(resources.storageclasses, { name: 'csi-hostpath-sc' });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
});

test('a call that timed out is repeated with the same request, and makes one volume', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', 'hang after making', { code: 'ABORTED' });
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound', { stepMs: 100, limitMs: 30_000 });
  const requests = world.csi.calls.filter(({ method }) => method === 'CreateVolume').map(({ request }) => request);
  expect(new Set(requests.map((request) => JSON.stringify(request))).size).toBe(1);
  expect(world.csi.volumes.size).toBe(1);
});

test('a claim deleted while CreateVolume is uncertain leaves no volume behind', async () => {
  await using world = await aWorld();
  world.csi.misbehave('CreateVolume', { code: 'UNAVAILABLE', made: true }, { code: 'DEADLINE_EXCEEDED' });
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.volumes.size === 1);
  await deleteClaim(world);
  await world.until(() => world.csi.volumes.size === 0, { stepMs: 100, limitMs: 60_000 });
  expect(world.api.all(volumes)).toEqual([]);
});

test('a crash after CreateVolume and the claim’s deletion leave no volume behind', async () => {
  const journalDir = await mkdtemp(join(tmpdir(), 'berth-journal-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(journalDir, { recursive: true }));
  await using world = await aWorld({ provisioner: false });
  const first = await world.startProvisioner({ journalDir });
  world.csi.misbehave('CreateVolume', 'hang after making');
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.volumes.size === 1, { disk: true });
  await first[Symbol.asyncDispose]();
  await deleteClaim(world);
  await world.until(() => world.api.all(claims).length === 0);
  await world.startProvisioner({ journalDir });
  await world.until(() => world.csi.volumes.size === 0, { disk: true });
  expect(world.api.all(volumes)).toEqual([]);
});

test('a provisioner that crashed before it saved the volume finds the same volume again', async () => {
  await using world = await aWorld({ provisioner: false });
  const first = await world.startProvisioner();
  world.csi.misbehave('CreateVolume', 'hang after making');
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.volumes.size === 1);
  await first[Symbol.asyncDispose]();
  await world.startProvisioner();
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect([...world.csi.volumes.values()].map(({ id }) => id)).toEqual(['vol-1']);
});

test('a volume smaller than asked is given back and asked for again', async () => {
  await using world = await aWorld();
  world.csi.sizes.push('1024');
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(world.csi.calls.map(({ method }) => method)).toEqual(['CreateVolume', 'DeleteVolume', 'CreateVolume']);
  expect(world.events.lines.join()).toContain('created volume capacity 1024 less than requested capacity 1048576');
});

test('a volume whose object the server refuses is deleted again', async () => {
  await using world = await aWorld();
  let refusals = 1;
  world.api.intercept = ({ method, path }) => {
    if (method === 'POST' && path.startsWith('/api/v1/persistentvolumes') && refusals-- > 0)
      throw apiError('Invalid', 'no');
  };
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.csi.count('DeleteVolume') === 1);
  expect(world.csi.volumes.size).toBe(0);
  expect(world.events.lines).toContain(
    'ProvisioningFailed: Error creating provisioned PV object for claim NS/c1: no. Deleting the volume.',
  );
  await world.until(() => world.claimPhase('c1') === 'Bound');
});

test('a server that is briefly away costs no volume', async () => {
  await using world = await aWorld();
  let failures = 3;
  world.api.intercept = ({ method, path }) => {
    if (method === 'POST' && path.startsWith('/api/v1/persistentvolumes') && failures-- > 0) {
      throw apiError('ServiceUnavailable', 'away');
    }
  };
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(world.csi.calls.map(({ method }) => method)).toEqual(['CreateVolume']);
});

test('no room on the selected node gives the claim back to the scheduler', async () => {
  const topology = { zone: 'a' };
  await using world = await aWorld({ csi: { topology } });
  const drivers = [{ name: world.csi.name, nodeID: 'n', topologyKeys: ['zone'] }];
  await world.create(resources.nodes, { metadata: { name: 'node-0', labels: topology } });
  await world.create(resources.csinodes, { metadata: { name: 'node-0' }, spec: { drivers } });
  const binding = { volumeBindingMode: 'WaitForFirstConsumer' };
  await world.create(resources.storageclasses, aClass('wffc', binding));
  world.csi.misbehave('CreateVolume', { code: 'RESOURCE_EXHAUSTED', message: 'full' });
  const claim = aClaim('c1', { storageClassName: 'wffc' });
  const annotations = { 'volume.kubernetes.io/selected-node': 'node-0' };
  await world.create(claims, { ...claim, metadata: { ...claim.metadata, annotations } });
  await world.until(() => world.csi.count('CreateVolume') === 1);
  await world.until(
    () => !('volume.kubernetes.io/selected-node' in (world.one(claims, 'c1')?.metadata.annotations ?? {})),
  );
  await world.clock.advance(10_000);
  expect(world.csi.count('CreateVolume')).toBe(1);
});

for (const { about, parameters, spec, message } of [
  {
    about: 'an unknown reserved parameter',
    parameters: { 'csi.storage.k8s.io/fstyp': 'xfs' },
    message: 'found unknown parameter key "csi.storage.k8s.io/fstyp" with reserved namespace csi.storage.k8s.io/',
  },
  {
    about: 'a secret namespace a user of claims could choose',
    parameters: {
      'csi.storage.k8s.io/provisioner-secret-name': 'x',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of a StorageClass
      'csi.storage.k8s.io/provisioner-secret-namespace': "${pvc.annotations['ns']}",
    },
    message: 'invalid tokens: ["pvc.annotations[\'ns\']"]',
  },
  { about: 'a selector', spec: { selector: { matchLabels: { a: 'b' } } }, message: 'claim Selector is not supported' },
]) {
  test(`a claim with ${about} is refused without asking the driver`, async () => {
    await using world = await aWorld();
    await world.create(resources.storageclasses, aClass('bad', { ...(parameters ? { parameters } : {}) }));
    await world.create(claims, aClaim('c1', { storageClassName: 'bad', ...spec }));
    await world.until(() => world.events.lines.some((line) => line.startsWith('ProvisioningFailed')));
    await world.clock.advance(60_000);
    expect(world.events.lines.join('\n')).toContain(message);
    expect(world.csi.calls).toEqual([]);
  });
}

test('the driver gets the class’s parameters without reserved ones, the secret, and the claim’s names', async () => {
  await using world = await aWorld({ settings: { extraCreateMetadata: true } });
  const data = { password: Buffer.from('s3cret').toString('base64') };
  await world.create(resources.secrets, { metadata: { namespace: 'vault', name: 'c1-key' }, data });
  const parameters = {
    kind: 'fast',
    'csi.storage.k8s.io/fstype': 'xfs',
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates of a StorageClass
    'csi.storage.k8s.io/provisioner-secret-name': '${pvc.name}-key',
    'csi.storage.k8s.io/provisioner-secret-namespace': 'vault',
    'csi.storage.k8s.io/node-stage-secret-name': '${pv.name}',
    'csi.storage.k8s.io/node-stage-secret-namespace': 'stage',
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: templates of a StorageClass
  };
  await world.create(resources.storageclasses, aClass('secret', { parameters, mountOptions: ['noatime'] }));
  await world.create(claims, aClaim('c1', { storageClassName: 'secret' }));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const [volume] = world.api.all(volumes);
  const name = volume?.metadata.name;
  expect(world.csi.calls[0]?.request).toEqual({
    name,
    capacityRange: { requiredBytes: '1048576' },
    volumeCapabilities: [
      { mount: { fsType: 'xfs', mountFlags: ['noatime'] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
    ],
    parameters: {
      kind: 'fast',
      'csi.storage.k8s.io/pvc/name': 'c1',
      'csi.storage.k8s.io/pvc/namespace': 'NS',
      'csi.storage.k8s.io/pv/name': name,
    },
    secrets: { password: 's3cret' },
  });
  expect(volume?.spec?.csi).toMatchObject({ fsType: 'xfs', nodeStageSecretRef: { name, namespace: 'stage' } });
  expect(volume?.spec?.mountOptions).toEqual(['noatime']);
  expect(volume?.metadata.annotations).toMatchObject({
    'volume.kubernetes.io/provisioner-deletion-secret-name': 'c1-key',
    'volume.kubernetes.io/provisioner-deletion-secret-namespace': 'vault',
  });
});

test('a hundred claims at once are all bound to volumes of their own', async () => {
  await using world = await aWorld();
  for (let i = 0; i < 100; i++) await world.create(claims, aClaim(`c${i}`));
  await world.until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'));
  expect(new Set(world.api.all(claims).map(({ spec }) => spec?.volumeName)).size).toBe(100);
  expect(world.csi.count('CreateVolume')).toBe(100);
});

test('of several nodes’ provisioners exactly one serves a claim without a selected node', async () => {
  const topology = { zone: 'a' };
  await using world = await aWorld({ provisioner: false, csi: { topology } });
  for (const name of ['node-0', 'node-1', 'node-2']) {
    await world.create(resources.nodes, { metadata: { name, labels: topology } });
    const drivers = [{ name: world.csi.name, nodeID: name, topologyKeys: ['zone'] }];
    await world.create(resources.csinodes, { metadata: { name }, spec: { drivers } });
    await world.startProvisioner({ nodeName: name });
  }
  for (let i = 0; i < 20; i++) await world.create(claims, aClaim(`c${i}`));
  await world.until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'), { limitMs: 100 });
  expect(world.csi.count('CreateVolume')).toBe(20);
  const chosen = world.api
    .all(claims)
    .map(({ metadata }) => metadata.annotations?.['volume.kubernetes.io/selected-node']);
  expect(new Set(chosen).size).toBe(3);
});

test('a node is asked for the room of the claim’s class, and one that cannot tell is asked for the volume', async () => {
  const topology = { zone: 'a' };
  const capabilities = ['CREATE_DELETE_VOLUME', 'GET_CAPACITY'] as const;
  await using world = await StorageWorld.start({ provisioner: false, csi: { topology, capabilities } });
  const parameters = { backend: 'nfs', 'csi.storage.k8s.io/fstype': 'xfs' };
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc', { parameters }));
  for (const name of ['node-0', 'node-1']) {
    await world.create(resources.nodes, { metadata: { name, labels: topology } });
    const drivers = [{ name: world.csi.name, nodeID: name, topologyKeys: ['zone'] }];
    await world.create(resources.csinodes, { metadata: { name }, spec: { drivers } });
    await world.startProvisioner({ nodeName: name });
  }
  world.csi.misbehave('GetCapacity', { code: 'UNAVAILABLE', message: 'its server is away' });
  for (let i = 0; i < 4; i++) await world.create(claims, aClaim(`c${i}`));
  await world.until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'));
  const asked = world.csi.calls.filter(({ method }) => method === 'GetCapacity').map(({ request }) => request);
  expect(asked.length).toBeGreaterThanOrEqual(4);
  for (const request of asked) expect(request).toEqual({ parameters: { backend: 'nfs' } });
});

test('where the first node in line is down, the next takes its claims', async () => {
  const topology = { zone: 'a' };
  await using world = await aWorld({ provisioner: false, csi: { topology } });
  for (const name of ['node-0', 'node-1']) {
    await world.create(resources.nodes, { metadata: { name, labels: topology } });
    const drivers = [{ name: world.csi.name, nodeID: name, topologyKeys: ['zone'] }];
    await world.create(resources.csinodes, { metadata: { name }, spec: { drivers } });
  }
  await world.startProvisioner({ nodeName: 'node-1' });
  for (let i = 0; i < 8; i++) await world.create(claims, aClaim(`c${i}`));
  await world.until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'), { stepMs: 10 });
  expect(world.csi.count('CreateVolume')).toBe(8);
});

test('on the only node that runs the driver a claim is served as without node deployment', async () => {
  const topology = { zone: 'a' };
  await using world = await aWorld({ provisioner: false, csi: { topology } });
  await world.create(resources.nodes, { metadata: { name: 'node-0', labels: topology } });
  await world.startProvisioner({ nodeName: 'node-0' });
  await world.create(claims, aClaim('c1'));
  await world.clock.advance(1000);
  expect(world.csi.count('CreateVolume')).toBe(0);
  const drivers = [{ name: world.csi.name, nodeID: 'n', topologyKeys: ['zone'] }];
  await world.create(resources.csinodes, { metadata: { name: 'node-0' }, spec: { drivers } });
  await world.until(() => world.claimPhase('c1') === 'Bound', { limitMs: 50 });
  expect(world.one(claims, 'c1')?.metadata.annotations).not.toHaveProperty(['volume.kubernetes.io/selected-node']);
});

test('a volume whose object another provisioner made first is deleted, the other’s is not', async () => {
  await using world = await aWorld();
  let first = true;
  world.api.intercept = async ({ method, path, body }) => {
    if (method !== 'POST' || !path.startsWith('/api/v1/persistentvolumes') || !first) return;
    first = false;
    const other = structuredClone(body) as { spec: { csi: { volumeHandle: string } } };
    other.spec.csi.volumeHandle = 'theirs';
    await world.api.request({ method, path, body: other });
  };
  await world.create(claims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  expect(world.api.all(volumes).map(({ spec }) => spec?.csi?.volumeHandle)).toEqual(['theirs']);
  expect(world.csi.volumes.size).toBe(0);
});

test('a driver that is not there yet is waited for', async () => {
  await using world = await aWorld({ provisioner: false });
  world.csi.ready = false;
  const starting = world.startProvisioner();
  await world.create(claims, aClaim('c1'));
  await world.clock.advance(100);
  expect(world.claimPhase('c1')).toBe('Pending');
  world.csi.dyingAfterProbe = 2;
  world.csi.ready = true;
  await starting;
  await world.until(() => world.claimPhase('c1') === 'Bound');
});

import { readdirSync } from 'node:fs';
import { resources } from '@berth/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { officialSidecars } from '../harness/csi-sidecars.ts';
import type { ManifestProcess } from '../harness/manifest-process.ts';
import { claim } from '../harness/manifests.ts';
import { SidecarWorld } from '../harness/sidecar-world.ts';
import {
  consumer,
  contents,
  fromSnapshot,
  groupOf,
  groupSnapshots,
  installSnapshots,
  snapshotOf,
  snapshots,
  startCentralSidecars,
  startGroupSnapshotter,
  startNfsController,
  startNodeSidecars,
  startOwnProvisioner,
} from './official-sidecars-stage.ts';

/** The Kubernetes project's sidecars, unmodified: beside our driver as deploy/ starts them, with its flags, accounts and roles, and with their own. */
const programs = officialSidecars();

const { persistentvolumeclaims: claims, persistentvolumes: volumes, pods, volumeattachments } = resources;
const at = (name: string) => ({ namespace: 'default', name });

describe.skipIf(!programs)('the official sidecars', () => {
  let world: SidecarWorld;

  const running = (name: string) => world.until(pods, at(name), ({ status }) => status?.phase === 'Running');
  const volumeOf = async (name: string) => {
    const { spec } = await world.until(claims, at(name), ({ status }) => status?.phase === 'Bound');
    return await world.client.get(volumes, { name: spec?.volumeName ?? '' });
  };
  const read = (name: string) => world.kubectl.run('exec', name, '--', 'cat', '/data/file');
  const remove = (...names: string[]) => world.kubectl.run('delete', '--wait=false', ...names);

  const untilNoVolumes = async () => {
    const { items } = await world.client.list(volumes);
    await Promise.all(items.map(({ metadata: { name = '' } }) => world.untilGone(volumes, { name })));
  };

  beforeAll(async () => {
    world = await SidecarWorld.start({ programs: programs ?? '' });
    await installSnapshots(world);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  test("Berth's provisioner, as deploy/kubernetes/local has it, restores what external-snapshotter took", async () => {
    const { driver } = await startOwnProvisioner(world);
    const script = 'echo own > /data/file';
    await world.apply(claim('own', { storageClassName: 'plain' }), consumer('own', 'own', script));
    await running('own');
    await world.apply(snapshotOf('of-own', 'own', 'plain'));
    await world.until(snapshots, at('of-own'), ({ status }) => status?.readyToUse);
    const dataSource = fromSnapshot('of-own');
    await world.apply(claim('again', { storageClassName: 'plain', dataSource }), consumer('again', 'again'));
    await running('again');
    expect(await read('again')).toBe('own\n');
    const patch = JSON.stringify({ spec: { resources: { requests: { storage: '16Mi' } } } });
    await world.kubectl.run('patch', 'pvc', 'again', '-p', patch);
    await world.until(claims, at('again'), ({ status }) => status?.capacity?.['storage'] === '16Mi');
    await remove('pod/own', 'pod/again', 'pvc/own', 'pvc/again', 'volumesnapshot/of-own');
    await world.untilGone(snapshots, at('of-own'));
    await untilNoVolumes();
    expect(readdirSync(driver.volumes)).toEqual([]);
  });

  describe('beside the driver of each node, as deploy/kubernetes/local-sidecars has them', () => {
    let stage: Awaited<ReturnType<typeof startNodeSidecars>>;
    let provisioner: ManifestProcess;
    beforeAll(async () => {
      stage = await startNodeSidecars(world, 'local-sidecars');
      provisioner = stage.provisioner;
    });

    test('a claim waits for its pod, and gets a volume on its node', async () => {
      const script = 'echo mine > /data/file';
      await world.apply(claim('first', { storageClassName: 'official' }), consumer('first', 'first', script));
      await running('first');
      const { spec } = await volumeOf('first');
      const here = { key: `topology.${stage.driver.name}/node`, operator: 'In', values: [world.node] };
      expect(spec?.nodeAffinity).toEqual({ required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } });
      expect(await read('first')).toBe('mine\n');
    });

    test('schedulers are told what room the node has for each class', async () => {
      const told = async () =>
        (await world.client.list(resources.csistoragecapacities, { namespace: 'berth-system' })).items;
      const classes = ['official', 'official-image', 'official-keep-a-day'];
      // The sidecar asks the driver class after class.
      await expect
        .poll(async () => (await told()).map(({ storageClassName }) => storageClassName).sort())
        .toEqual(classes);
      const items = await told();
      for (const { metadata, capacity, nodeTopology } of items) {
        expect(metadata.ownerReferences).toMatchObject([{ kind: 'DaemonSet', name: 'berth-node' }]);
        expect(capacity).toMatch(/^[1-9]/);
        expect(nodeTopology).toEqual({ matchLabels: { [`topology.${stage.driver.name}/node`]: world.node } });
      }
    });

    test('a pod whose claim no node has room for waits', async () => {
      await world.apply(claim('vast', { storageClassName: 'official', storage: '1Pi' }), consumer('vast', 'vast'));
      const words = 'node(s) did not have enough free storage';
      await world.until(pods, at('vast'), ({ status }) =>
        status?.conditions?.some(({ message }) => message?.includes(words)),
      );
      await remove('pod/vast', 'pvc/vast');
    });

    test('a snapshot is taken on the node, and restored', async () => {
      await world.apply(snapshotOf('taken', 'first', 'official'));
      const { status } = await world.until(snapshots, at('taken'), (one) => one.status?.readyToUse);
      const content = { name: status?.boundVolumeSnapshotContentName ?? '' };
      expect((await world.client.get(contents, content)).metadata.labels).toEqual({
        'snapshot.storage.kubernetes.io/managed-by': world.node,
      });
      const dataSource = fromSnapshot('taken');
      await world.apply(
        claim('restored', { storageClassName: 'official', dataSource }),
        consumer('restored', 'restored'),
      );
      await running('restored');
      expect(await read('restored')).toBe('mine\n');
    });

    test('a clone of a class that binds at once is made beside its source', async () => {
      const dataSource = { kind: 'PersistentVolumeClaim', name: 'first' };
      await world.apply(claim('clone', { storageClassName: 'official-now', dataSource }), consumer('clone', 'clone'));
      await running('clone');
      expect(await read('clone')).toBe('mine\n');
    });

    test('a provisioner that is killed in the middle makes no volume twice and leaves none behind', async () => {
      const before = readdirSync(stage.driver.volumes).length;
      const names = Array.from({ length: 8 }, (_, i) => `many-${i}`);
      await world.apply(...names.map((name) => claim(name, { storageClassName: 'official-now' })));
      await Promise.race(names.map(volumeOf));
      await provisioner.end('SIGKILL');
      provisioner = await stage.startProvisioner();
      await Promise.all(names.map(volumeOf));
      expect(readdirSync(stage.driver.volumes)).toHaveLength(before + names.length);
      await remove(...names.map((name) => `pvc/${name}`));
      await Promise.all(names.map((name) => world.untilGone(claims, at(name))));
    });

    test('a group of claims is taken at one moment, and each of them restored', async () => {
      await stage.snapshotter.end('SIGTERM');
      await startGroupSnapshotter(world, stage.driver);
      const labels = { of: 'group' };
      const members = ['member-0', 'member-1'].map((name) => ({
        ...claim(name, { storageClassName: 'official-now' }),
        metadata: { name, labels },
      }));
      await world.apply(...members);
      await Promise.all(members.map(({ metadata }) => volumeOf(metadata.name)));
      await world.apply(groupOf('both', labels, 'official'));
      await world.until(groupSnapshots, at('both'), ({ status }) => status?.readyToUse);
      const { items } = await world.client.list(snapshots, { namespace: 'default' });
      const names = items.flatMap(({ metadata }) => (metadata.ownerReferences ? [metadata.name ?? ''] : []));
      expect(names).toHaveLength(2);
      const restored = names.map((name, i) =>
        claim(`of-member-${i}`, { storageClassName: 'official-now', dataSource: fromSnapshot(name) }),
      );
      await world.apply(...restored);
      await Promise.all(['of-member-0', 'of-member-1'].map(volumeOf));
      await remove('volumegroupsnapshot/both');
      await world.untilGone(groupSnapshots, at('both'));
      await Promise.all(names.map((name) => world.untilGone(snapshots, at(name))));
      await remove(...['member-0', 'member-1', 'of-member-0', 'of-member-1'].map((name) => `pvc/${name}`));
    });

    test('what is deleted is gone from the cluster and from the node', async () => {
      await remove('pod/first', 'pod/restored', 'pod/clone', 'volumesnapshot/taken');
      await remove('pvc/first', 'pvc/restored', 'pvc/clone');
      await world.untilGone(snapshots, at('taken'));
      await Promise.all(['first', 'restored', 'clone'].map((name) => world.untilGone(claims, at(name))));
      await untilNoVolumes();
      expect((await world.client.list(contents)).items).toEqual([]);
      expect(readdirSync(stage.driver.volumes)).toEqual([]);
    });
  });

  describe('one of each for the cluster, with the roles of their own projects', () => {
    let stage: Awaited<ReturnType<typeof startCentralSidecars>>;
    beforeAll(async () => {
      stage = await startCentralSidecars(world);
    });

    const attached = async () =>
      (await world.client.list(volumeattachments)).items.filter(({ spec }) => spec.attacher === stage.driver.name);

    test('a volume is attached before its pod runs', async () => {
      await world.apply(claim('fixed', { storageClassName: 'central' }), consumer('fixed', 'fixed'));
      await running('fixed');
      expect(await attached()).toMatchObject([{ spec: { nodeName: world.node }, status: { attached: true } }]);
    });

    test('it grows while it is used, and while nobody uses it', async () => {
      await world.apply(claim('idle', { storageClassName: 'central-now' }));
      await volumeOf('idle');
      const patch = JSON.stringify({ spec: { resources: { requests: { storage: '16Mi' } } } });
      for (const name of ['fixed', 'idle']) {
        await world.kubectl.run('patch', 'pvc', name, '-p', patch);
        await world.until(claims, at(name), ({ status }) => status?.capacity?.['storage'] === '16Mi');
      }
    });

    test('it is modified by another VolumeAttributesClass', async () => {
      const patch = JSON.stringify({ spec: { volumeAttributesClassName: 'central-keep-a-week' } });
      await world.kubectl.run('patch', 'pvc', 'fixed', '-p', patch);
      await world.until(claims, at('fixed'), ({ status }) => {
        return status?.currentVolumeAttributesClassName === 'central-keep-a-week';
      });
    });

    test('it is detached when its pod is gone, and deleted when its claim is', async () => {
      const { metadata } = await volumeOf('idle');
      await remove('pod/fixed', 'pvc/idle', 'pvc/fixed');
      await world.untilGone(volumes, { name: metadata.name ?? '' });
      await world.untilGone(claims, at('fixed'));
      const [attachment] = await attached();
      if (attachment) await world.untilGone(volumeattachments, { name: attachment.metadata.name ?? '' });
    });

    test('when the leading provisioner is killed, the other takes its lease and goes on', async () => {
      const lease = { namespace: 'default', name: stage.driver.name.replaceAll('.', '-') };
      const { spec } = await world.until(resources.leases, lease, (one) => one.spec?.holderIdentity);
      const leader = stage.provisioners.find(({ log }) => log.includes('Started provisioner controller'));
      await leader?.end('SIGKILL');
      const classes = { storageClassName: 'central-now', volumeAttributesClassName: 'central-keep-a-week' };
      await world.apply(claim('after', classes));
      await world.until(resources.leases, lease, (one) => one.spec?.holderIdentity !== spec?.holderIdentity);
      const { spec: made } = await volumeOf('after');
      expect(made?.volumeAttributesClassName).toBe('central-keep-a-week');
    });
  });

  test('the controller of deploy/kubernetes/nfs is elected and has what it wants', async () => {
    const lease = await startNfsController(world);
    await world.until(resources.leases, lease, ({ spec }) => spec?.holderIdentity);
    await world.said('provisioner', /serving driver=nfs|"serving","driver":"nfs/);
  });

  test('none of their requests was refused', () => {
    const usual = [
      // What is there no more, and what somebody else changed meanwhile.
      /: (404|409) /,
      // external-provisioner finds out with a name that is none which version of the API there is.
      /create \S+\/csistoragecapacities: 422 .*"#%123-invalid-name"/,
      // A JSON patch that tests whether the list of finalizers is still what it was.
      /csi-attacher patch \S+\/persistentvolumes\/\S+: 422 /,
    ];
    const refused = world.refusals();
    expect(refused.filter((line) => !usual.some((pattern) => pattern.test(line)))).toEqual([]);
  });
});

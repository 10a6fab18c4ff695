import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRng } from '@berth/kit';
import { resources, type Volume } from '@berth/kube';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { ScriptedCsiDriver } from '../harness/scripted-csi-driver.ts';
import {
  aPod,
  bindClaim,
  claimVolume,
  csiDriverObject,
  type VolumeHarness,
  volumeHarness,
} from '../harness/volume-harness.ts';

const driverName = 'crash.csi.test';
const claims = ['c0', 'c1', 'c2'];

const mountsBelow = (directory: string) =>
  linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(`${directory}/`));

/** A driver that stages and publishes by bind mounts, in a process that outlives the volume manager's. */
async function bindDriver(directory: string) {
  const isMounted = (path: string) => mountsBelow(directory).some(({ mountPoint }) => mountPoint === path);
  return new ScriptedCsiDriver({
    name: driverName,
    socket: join(directory, 'csi.sock'),
    onPublish: ({ volumeId, targetPath }) => {
      const source = join(directory, 'disk', volumeId);
      mkdirSync(source, { recursive: true });
      if (!isMounted(targetPath)) linuxMounter.bind(source, targetPath);
    },
    onUnpublish: ({ targetPath }) => {
      if (isMounted(targetPath)) linuxMounter.unmount(targetPath);
    },
  }).start();
}

/** Files and directories that say something is mounted, published or staged. */
function traces(directory: string): string[] {
  const pods = join(directory, 'pods');
  const ofPods = (existsSync(pods) ? readdirSync(pods) : []).flatMap((uid) =>
    readdirSync(join(pods, uid)).map((name) => `pods/${uid}/${name}`),
  );
  const staged = join(directory, 'plugins/kubernetes.io/csi', driverName);
  return [...ofPods, ...(existsSync(staged) ? readdirSync(staged) : [])];
}

const volumes: Volume[] = [
  { name: 'mem', emptyDir: { medium: 'Memory' } },
  { name: 'disk', emptyDir: {} },
  { name: 'conf', projected: { sources: [{ configMap: { name: 'cm' } }, { serviceAccountToken: { path: 'token' } }] } },
];

async function work(h: VolumeHarness, random: () => number): Promise<void> {
  const pods = Array.from({ length: 4 }, () =>
    aPod([...volumes, claimVolume(claims[Math.floor(random() * claims.length)]!)], (pod) => {
      pod.spec!.containers[0]!.volumeMounts!.push({ name: 'data', mountPath: '/sub', subPath: 'a/b' });
    }),
  );
  for (let step = Math.floor(random() * 25); step >= 0; step--) {
    const pod = pods[Math.floor(random() * pods.length)]!;
    if (random() < 0.55) h.manager.setPod(pod);
    else h.manager.removePod(pod.metadata.uid!);
    for (let turn = Math.floor(random() * 6); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    await h.manager.containerVolumes(pod, 'c').catch(() => undefined);
    if (random() < 0.3) await h.clock.advance(300);
  }
}

test.for(Array.from({ length: 20 }, (_, seed) => seed))(
  'killed at a moment of its own (seed %i), the next one leaves nothing of what nobody wants',
  async (seed) => {
    const rng = seededRng(seed);
    const first = await volumeHarness({ mounter: linuxMounter });
    const { kubeletDir, transport, clock, client } = first;
    await using driver = await bindDriver(kubeletDir);
    await first.registry.register(driverName, join(kubeletDir, 'csi.sock'));
    await client.create(resources.csidrivers, csiDriverObject(driverName));
    await client.create(resources.configmaps, { metadata: { name: 'cm', namespace: 'default' }, data: { a: 'b' } });
    for (const name of claims) await bindClaim(client, { name, driver: driverName });
    for (const method of [
      'NodeStageVolume',
      'NodePublishVolume',
      'NodeUnpublishVolume',
      'NodeUnstageVolume',
    ] as const) {
      driver.script(method, ...Array.from({ length: 4 }, () => (rng.next() < 0.3 ? 'DEADLINE_EXCEEDED' : 'OK')));
    }
    first.manager.podsSynced();
    await first.clock.advance(10);
    await work(first, () => rng.next());
    await first.kill();

    const h = await volumeHarness({ mounter: linuxMounter, kubeletDir, transport, clock });
    try {
      await h.registry.register(driverName, join(kubeletDir, 'csi.sock'));
      const again = aPod([claimVolume('c0'), ...volumes]);
      h.manager.setPod(again);
      const mounted = h.manager.waitForMount(again, new AbortController().signal);
      let isMounted = false;
      mounted.then(
        () => {
          isMounted = true;
        },
        () => undefined,
      );
      await h.until(() => isMounted, 'the mount of a new pod');
      h.manager.podsSynced();
      h.manager.removePod(again.metadata.uid!);
      const isClean = () =>
        mountsBelow(kubeletDir).length === 0 && driver.staged.size === 0 && driver.published.size === 0;
      await h.until(() => isClean() && traces(kubeletDir).length === 0, 'an empty node').catch(() => undefined);
      expect(mountsBelow(kubeletDir).map(({ mountPoint }) => mountPoint)).toEqual([]);
      expect([[...driver.staged], [...driver.published], traces(kubeletDir)]).toEqual([[], [], []]);
    } finally {
      await h.kill();
      for (const { mountPoint } of mountsBelow(kubeletDir).reverse()) linuxMounter.unmount(mountPoint, { lazy: true });
      await rm(kubeletDir, { recursive: true, force: true });
    }
  },
);

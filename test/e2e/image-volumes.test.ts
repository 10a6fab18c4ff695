import { join } from 'node:path';
import { listLoops } from '@berth/linux';
import { expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';

const objects = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: images }
provisioner: csi.berth.local
parameters: { backend: image, csi.storage.k8s.io/fstype: xfs }
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: files }
spec: { storageClassName: images, accessModes: [ReadWriteOnce], resources: { requests: { storage: 320Mi } } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: raw }
spec: { storageClassName: images, volumeMode: Block, accessModes: [ReadWriteOnce], resources: { requests: { storage: 16Mi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: user }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: registry.k8s.io/nginx-slim:0.8
      volumeMounts: [{ name: files, mountPath: /files }, { name: scratch, mountPath: /scratch }]
      volumeDevices: [{ name: raw, devicePath: /dev/raw }]
  volumes:
    - { name: files, persistentVolumeClaim: { claimName: files } }
    - { name: raw, persistentVolumeClaim: { claimName: raw } }
    - { name: scratch, csi: { driver: csi.berth.local, volumeAttributes: { size: 8Mi } } }
`;

test('a pod has a filesystem of the size of its claim, a raw device and memory of a hard size, grows the one in use, and leaves no loop device', async () => {
  await using berth = await Berth.start({});
  const loops = () => listLoops().filter(({ backingFile }) => backingFile.startsWith(berth.dataDir));
  const archive = join(berth.dataDir, 'image.tar');
  await writeDockerArchive(archive, webServerRecipe('registry.k8s.io/nginx-slim:0.8'));
  expect(await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir])).toMatchObject({
    code: 0,
  });
  await berth.apply(objects);
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  const shell = (command: string) => berth.kubectl(['exec', 'user', '--', 'sh', '-c', command]);
  const sizeMiB = async () => Number((await shell('df -m /files | tail -1')).trim().split(/\s+/)[1]);
  expect(await sizeMiB()).toBeGreaterThan(220);
  expect(await sizeMiB()).toBeLessThanOrEqual(320);
  await shell('echo kept > /files/file && sync && printf raw | dd of=/dev/raw bs=512 seek=100 conv=notrunc,sync');
  expect(await shell('df -m /scratch | tail -1')).toMatch(/\s8\s+0\s+8\s/);
  expect(await shell('dd if=/dev/zero of=/scratch/file bs=1M count=9 2>&1 || true')).toContain('No space left');
  expect(loops()).toHaveLength(2);
  await berth.kubectl(['patch', 'pvc', 'files', '-p', '{"spec":{"resources":{"requests":{"storage":"640Mi"}}}}']);
  await eventually(async () => (await sizeMiB()) > 500, { what: 'the filesystem to grow' });
  expect(await shell('cat /files/file')).toBe('kept\n');
  await berth.kubectl(['delete', 'pod', 'user']);
  await eventually(async () => loops().length === 0, { what: 'the loop devices to go' });
  await berth.apply(objects.split('---').at(-1) as string);
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  expect(await shell('cat /files/file')).toBe('kept\n');
  expect(await shell('dd if=/dev/raw bs=512 skip=100 count=1 2>/dev/null | head -c 3')).toBe('raw');
  // Killed with both in use: what is left is taken away by berth down, with the folder.
  await berth.stop('SIGKILL');
  expect(loops()).toHaveLength(2);
  expect(await berth.command('berth', ['down', '--data-dir', berth.dataDir])).toMatchObject({ code: 0 });
  await eventually(async () => loops().length === 0, { what: 'berth down to detach the loop devices' });
});

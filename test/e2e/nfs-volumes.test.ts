import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PersistentVolume } from '@berth/kube';
import { linuxMounter } from '@berth/linux';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const image = 'registry.k8s.io/nginx-slim:0.8';

async function startBerth(nodes: number): Promise<Berth> {
  const berth = await Berth.start({ nodes });
  const archive = join(berth.dataDir, 'image.tar');
  await writeDockerArchive(archive, webServerRecipe(image));
  await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir]);
  return berth;
}

const objects = () => `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: shared }
provisioner: csi.berth.local
parameters:
  backend: nfs
  server: ${server.host}
  share: ${server.export}
  subDir: \${pvc.metadata.namespace}/\${pvc.metadata.name}
allowVolumeExpansion: true
mountOptions: [hard, nfsvers=4.1, noatime]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: files }
spec: { storageClassName: shared, accessModes: [ReadWriteMany], resources: { requests: { storage: 1Gi } } }
`;

/** Where no node is given the scheduler chooses one, as claims that wait for their first consumer need it. */
const pod = (name: string, node: string | undefined, claim = 'files') => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  ${node === undefined ? '' : `nodeName: ${node}`}
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: "${image}", volumeMounts: [{ name: files, mountPath: /files }] }]
  volumes: [{ name: files, persistentVolumeClaim: { claimName: ${claim} } }]
`;

test('pods of two nodes write to one claim on an nfs server; it goes where it was made, and only then its object', async () => {
  await using berth = await startBerth(2);
  await berth.apply(objects());
  const nodes = (await berth.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  expect(nodes).toHaveLength(2);
  for (const [index, node] of nodes.entries()) await berth.apply(pod(`user-${index}`, node));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user-0', 'pod/user-1', '--timeout=120s']);
  const shell = (name: string, command: string) => berth.kubectl(['exec', name, '--', 'sh', '-c', command]);
  await shell('user-0', 'echo zero > /files/from-0');
  await shell('user-1', 'echo one > /files/from-1');
  expect(await shell('user-1', 'cat /files/from-0')).toBe('zero\n');
  expect(await shell('user-0', 'cat /files/from-1')).toBe('one\n');
  const data = join(server.root, 'default/files');
  expect(readdirSync(data).sort()).toEqual(['from-0', 'from-1']);
  const volume = await berth.kubectl(['get', 'pvc', 'files', '-o', 'jsonpath={.spec.volumeName}']);
  expect(await berth.kubectl(['get', 'pv', volume, '-o', 'jsonpath={.spec.nodeAffinity}'])).toBe('');
  await berth.kubectl(['delete', 'pod', 'user-0', 'user-1']);
  await berth.kubectl(['delete', 'pvc', 'files']);
  await berth.kubectl(['wait', '--for=delete', `pv/${volume}`, '--timeout=120s']);
  expect(existsSync(data)).toBe(false);
});

test('a server that is gone holds up its own pod alone: others start and end, and it goes on when the server is back', async () => {
  await using berth = await startBerth(1);
  await berth.apply(objects());
  const [node = ''] = (await berth.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  await berth.apply(pod('user', node));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  await berth.kubectl(['exec', 'user', '--', 'sh', '-c', 'echo before > /files/log']);
  await server.killServer();
  try {
    const writing = berth.kubectl(['exec', 'user', '--', 'sh', '-c', 'echo during >> /files/log']);
    writing.catch(() => undefined);
    await berth.apply(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: local }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`);
    await berth.apply(pod('bystander', undefined, 'local'));
    await berth.kubectl(['wait', '--for=condition=Ready', 'pod/bystander', '--timeout=120s']);
    await berth.kubectl(['exec', 'bystander', '--', 'sh', '-c', 'echo fine > /files/x']);
    await berth.kubectl(['delete', 'pod', 'bystander', '--timeout=120s']);
    await berth.kubectl(['delete', 'pvc', 'local', '--timeout=120s']);
    await server.startServer();
    await writing;
  } finally {
    await server.killServer();
    await server.startServer();
  }
  expect(readFileSync(join(server.root, 'default/files/log'), 'utf8')).toBe('before\nduring\n');
  await berth.kubectl(['delete', 'pod', 'user', '--timeout=120s']);
  await berth.kubectl(['delete', 'pvc', 'files', '--timeout=120s']);
  await eventually(async () => !existsSync(join(server.root, 'default/files')), { what: 'the data to go' });
});

test('a mount whose process was killed is told, and a further pod of the node gets a living one', async () => {
  await using berth = await startBerth(1);
  await berth.apply(objects());
  const [node = ''] = (await berth.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  await berth.apply(pod('first', node));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/first', '--timeout=120s']);
  const shell = (name: string, command: string) => berth.kubectl(['exec', name, '--', 'sh', '-c', command]);
  await shell('first', 'echo kept > /files/log');
  const states = async () => {
    const { stdout } = await berth.command('csictl', ['mounts', '--data-dir', berth.dataDir, '-o', 'json']);
    const rows = JSON.parse(stdout) as { kind: string; pod: string; state: string }[];
    return rows.flatMap((row) => (row.kind === 'volume' ? [] : `${row.kind} ${row.pod} ${row.state}`)).sort();
  };
  expect(await states()).toEqual(['publish default/first ok', 'stage  ok']);
  for (const pid of serving(berth.dataDir)) process.kill(pid, 'SIGKILL');
  await eventually(async () => serving(berth.dataDir).length === 0, { what: 'the process to end' });
  expect(await states()).toEqual(['publish default/first broken', 'stage  broken']);
  await berth.apply(pod('second', node));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/second', '--timeout=120s']);
  expect(await shell('second', 'cat /files/log')).toBe('kept\n');
  expect(await states()).toEqual(['publish default/first broken', 'publish default/second ok', 'stage  ok']);
  await berth.kubectl(['delete', 'pod', 'first', 'second', '--timeout=120s']);
  await berth.kubectl(['delete', 'pvc', 'files', '--timeout=120s']);
  await eventually(async () => !existsSync(join(server.root, 'default/files')), { what: 'the data to go' });
});

test('a pod whose server is gone can be deleted, and its claim goes when the server is back', async () => {
  await using berth = await startBerth(1);
  await berth.apply(objects());
  const [node = ''] = (await berth.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  await berth.apply(pod('user', node));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  const data = join(server.root, 'default/files');
  await server.killServer();
  try {
    await berth.kubectl(['delete', 'pod', 'user', '--timeout=120s']);
    const mounts = () => linuxMounter.mounts().filter(({ source }) => source.startsWith(`${server.host}:`));
    await eventually(async () => mounts().length === 0, { what: 'the mounts to go' });
    await berth.kubectl(['delete', 'pvc', 'files', '--timeout=120s']);
    expect(await berth.kubectl(['get', 'pv'])).toContain('Released');
    expect(existsSync(data)).toBe(true);
  } finally {
    await server.startServer();
  }
  await eventually(async () => !existsSync(data), { what: 'the data to go', timeoutMs: 120_000 });
  const volumes = async () => (await berth.get<{ items: PersistentVolume[] }>('pv')).items;
  await eventually(async () => (await volumes()).every(({ status }) => status?.phase !== 'Released'), {
    what: 'the volume to go',
  });
});

test('a hand-written volume of a server is mounted, survives a kill -9 and is left when it goes', async () => {
  await using berth = await startBerth(1);
  const [node = ''] = (await berth.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  await berth.apply(`
apiVersion: v1
kind: PersistentVolume
metadata: { name: static }
spec:
  accessModes: [ReadWriteMany]
  capacity: { storage: 1Gi }
  storageClassName: ""
  persistentVolumeReclaimPolicy: Retain
  csi:
    driver: csi.berth.local
    volumeHandle: ${server.host}/share/static
    volumeAttributes: { backend: nfs, server: ${server.host}, share: ${server.export} }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: static }
spec: { storageClassName: "", volumeName: static, accessModes: [ReadWriteMany], resources: { requests: { storage: 1Gi } } }
`);
  await berth.apply(pod('user', node, 'static'));
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  const shell = (command: string) => berth.kubectl(['exec', 'user', '--', 'sh', '-c', command]);
  await shell('echo before > /files/kept');
  await berth.stop('SIGKILL');
  await berth.up();
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/user', '--timeout=120s']);
  await shell('echo after >> /files/kept');
  expect(readFileSync(join(server.root, 'kept'), 'utf8')).toBe('before\nafter\n');
  const mounts = () => linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(berth.dataDir));
  expect(mounts().some(({ source }) => source === `${server.host}:/share`)).toBe(true);
  await berth.stop('SIGKILL');
  expect(await berth.command('berth', ['down', '--data-dir', berth.dataDir])).toMatchObject({ code: 0 });
  await eventually(async () => mounts().length === 0, { what: 'the mounts to go' });
  expect(readFileSync(join(server.root, 'kept'), 'utf8')).toBe('before\nafter\n');
});

/** Processes that serve mounts of drivers in this data directory. */
function serving(dataDir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return command.includes('nfs-mount') && command.some((argument) => argument.startsWith(`${dataDir}/`));
      } catch {
        return false;
      }
    });
}

import { expect, test } from 'vitest';
import { parseNfsOptions } from './nfs-options.ts';
import { contextFor, nfsClassOf, nfsVolumeOf } from './nfs-parameters.ts';
import { resolveTemplate } from './sub-dir-template.ts';

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
const nas = { server: 'nas', share: '/export' };
const remarks = {
  'csi.storage.k8s.io/pvc/name': 'data',
  'csi.storage.k8s.io/pvc/namespace': 'shop',
  'csi.storage.k8s.io/pv/name': 'pvc-1',
};
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates as users write them.

test('a class needs server and share, and takes nothing it does not know', () => {
  expect(nfsClassOf(nas)).toEqual({ ...nas, onDelete: 'delete', mode: undefined });
  expect(() => nfsClassOf({ server: 'nas' })).toThrow(refused);
  expect(() => nfsClassOf({ share: '/x' })).toThrow(refused);
  expect(() => nfsClassOf({ ...nas, pool: 'x' })).toThrow(refused);
  expect(() => nfsClassOf({ ...nas, Server: 'other' })).toThrow(refused);
});

test('keys are taken in any case', () => {
  const parameters = { Server: 'nas', SHARE: '/export', subdir: 'x', ondelete: 'Archive', mountpermissions: '0770' };
  expect(nfsClassOf(parameters)).toEqual({ ...nas, subDir: 'x', onDelete: 'archive', mode: 0o770 });
});

for (const [key, value] of [
  ['onDelete', 'shred'],
  ['onDelete', ''],
  ['mountPermissions', '888'],
  ['mountPermissions', '-1'],
  ['mountPermissions', '0777,exec'],
  ['mountPermissions', '77777'],
  ['nfsvers', '2'],
  ['nfsvers', '4.2,ro'],
  ['port', '0'],
  ['port', '65536'],
  ['port', '2049,addr=1.2.3.4'],
  ['port', ''],
  ['subDir', '../x'],
  ['subDir', '${pvc.metadata.name}/../..'],
  ['subDir', '/${pvc.metadata.name}'],
  ['subDir', '${pvc.metadata.labels}'],
  ['subDir', '${'],
  ['subDir', '${}'],
  ['subDir', "${pvc.metadata.annotations['x']}"],
  ['subDir', ''],
  ['server', 'nas,addr=1.2.3.4'],
  ['share', '/a/../b'],
] as const) {
  test(`the parameter ${key} = ${JSON.stringify(value)} is refused`, () =>
    expect(() => nfsClassOf({ ...nas, [key]: value })).toThrow(refused));
}

test('a port that cannot be is told as a parameter', () => {
  expect(() => nfsClassOf({ ...nas, port: '65536' })).toThrow('port "65536" is no port number');
});

test('a template is filled with what the provisioner tells', () => {
  expect(resolveTemplate('${pvc.metadata.namespace}/${pvc.metadata.name}-${pv.metadata.name}', remarks)).toBe(
    'shop/data-pvc-1',
  );
  expect(resolveTemplate('${PVC.metadata.NAME}', remarks)).toBe('data');
  expect(resolveTemplate('fixed', {})).toBe('fixed');
});

test('a template whose value is not told is refused, and says how to get it', () => {
  expect(() => resolveTemplate('${pvc.metadata.name}', {})).toThrow(/--extra-create-metadata/);
});

for (const value of [
  '..',
  '.',
  '../..',
  'a/b',
  '/etc',
  'a\\..\\b',
  '%2e%2e',
  'a\0',
  'a,ro',
  '${pv.metadata.name}',
  '$&',
  '.berth',
  ' ',
]) {
  test(`a template does not escape by the value ${JSON.stringify(value)}`, () =>
    expect(() =>
      resolveTemplate('x/${pvc.metadata.name}', { ...remarks, 'csi.storage.k8s.io/pvc/name': value }),
    ).toThrow(refused));
}

test('two values that are dots only together are no way up', () => {
  const dots = { ...remarks, 'csi.storage.k8s.io/pvc/name': '.', 'csi.storage.k8s.io/pvc/namespace': '.' };
  expect(() => resolveTemplate('${pvc.metadata.namespace}${pvc.metadata.name}', dots)).toThrow(refused);
  expect(() => resolveTemplate('.${pvc.metadata.name}', { 'csi.storage.k8s.io/pvc/name': 'berth' })).toThrow(refused);
});

test('a volume without a template is in a directory of its own name, or of its id where the name is not plain', () => {
  const volume = { id: 'id-1', name: 'pvc-1', parameters: nas };
  expect(contextFor(volume, {})).toEqual({ backend: 'nfs', ...nas, subDir: 'pvc-1' });
  for (const name of ['../x', 'a/b', '..', 'a,b', '.berth']) {
    expect(contextFor({ ...volume, name }, {})).toMatchObject({ subDir: 'id-1' });
  }
});

test('a context says again what the class said', () => {
  const parameters = { ...nas, subDir: 'x', onDelete: 'retain', mountPermissions: '750', nfsvers: '4.1', port: '3049' };
  const context = contextFor({ id: 'id-1', name: 'n', parameters }, {});
  expect(nfsVolumeOf(context)).toEqual({
    ...nas,
    subDir: 'x',
    onDelete: 'retain',
    mode: 0o750,
    version: 4.1,
    port: 3049,
  });
});

test('the context of a static volume may leave the sub directory out, and is checked like a class', () => {
  expect(nfsVolumeOf({ ...nas, 'example.com/note': '../..' })).toMatchObject({ subDir: '' });
  for (const subDir of ['..', 'a/b/..', 'a\\..', '%2e%2e', 'a\0', 'a,b', '${pvc.metadata.name}', '/a']) {
    expect(() => nfsVolumeOf({ ...nas, subDir })).toThrow(refused);
  }
  expect(() => nfsVolumeOf({ ...nas, server: 'nas,ro' })).toThrow(refused);
  expect(() => nfsVolumeOf({ ...nas, share: '/a/..' })).toThrow(refused);
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the same.

test('mount flags are read as nfs(5) has them', () => {
  const flags = ['nfsvers=4.1,hard', 'ro', 'noatime', 'port=3049', 'timeo=600', 'noresvport'];
  expect(parseNfsOptions(flags)).toEqual({
    version: 4.1,
    port: 3049,
    privilegedPort: false,
    tuning: ['hard', 'timeo=600'],
  });
  expect(parseNfsOptions([])).toEqual({ tuning: [] });
});

for (const flag of [
  'addr=1.2.3.4',
  'clientaddr=1.2.3.4',
  'mountaddr=1.2.3.4',
  'fsc',
  'context=x',
  'sec=krb5',
  'vers=2',
  'vers=4.3',
  'nfsvers',
  'timeo=1x',
  'timeo=',
  'rsize=-1',
  'port=99999',
  'proto=udp',
  'proto=rdma',
  'bg',
  'remount',
  'exec=1',
  'hard=1',
  '-o',
  'x-systemd.automount',
  '__proto__',
  'constructor',
  'toString=1',
  'vers=toString',
]) {
  test(`the mount flag ${flag} is refused without being repeated`, () => {
    expect(() => parseNfsOptions([flag])).toThrow(refused);
    expect(() => parseNfsOptions(['nosuid,hard', flag])).toThrow(refused);
  });
}

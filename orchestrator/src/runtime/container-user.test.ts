import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import { chooseUser, containerUser, parse } from './container-user.ts';

const database = {
  passwd: parse('root:x:0:0:root:/root:/bin/sh\n# a comment\nweb:x:1000:1001::/home/web:/bin/sh\n'),
  group: parse('root:x:0:\nweb:x:1001:\nstaff:x:1002:root,web\n'),
};

function security(more: Partial<cri.LinuxContainerSecurityContext>): cri.LinuxContainerSecurityContext {
  return {
    runAsUser: null,
    runAsGroup: null,
    runAsUsername: '',
    supplementalGroups: [],
    supplementalGroupsPolicy: 'Merge',
    ...more,
  } as cri.LinuxContainerSecurityContext;
}

const cases: [string, string, Partial<cri.LinuxContainerSecurityContext>, object][] = [
  ['nobody asked for anyone', '', {}, { uid: 0, gid: 0, groups: [0, 1002], home: '/root' }],
  ['the image names a user', 'web', {}, { uid: 1000, gid: 1001, groups: [1001, 1002], home: '/home/web' }],
  ['the image names an id', '1000', {}, { uid: 1000, gid: 1001, groups: [1001, 1002] }],
  ['the image names user and group', 'web:staff', {}, { uid: 1000, gid: 1002 }],
  ['an id the image does not know', '4711', {}, { uid: 4711, gid: 0, groups: [0], home: '/' }],
  ['the pod overrules the image', 'web', { runAsUser: { value: '0' } }, { uid: 0, gid: 0 }],
  ['the pod names a group', 'web', { runAsGroup: { value: '5' } }, { uid: 1000, gid: 5, groups: [5, 1002] }],
  ['the pod adds groups', 'web', { supplementalGroups: ['9', '1002'] }, { groups: [9, 1001, 1002] }],
  [
    'Strict leaves the image groups out',
    'web',
    { supplementalGroups: ['9'], supplementalGroupsPolicy: 'Strict' },
    { groups: [9, 1001] },
  ],
];

test.each(cases)('a container runs as the right user when %s', (_, imageUser, wanted, expected) => {
  expect(chooseUser(database, imageUser, security(wanted))).toMatchObject(expected);
});

test.each([
  ['a user the image does not know', 'ghost', {}],
  ['a group the image does not know', 'web:ghosts', {}],
  ['a group without a user', '', { runAsGroup: { value: '5' } }],
  ['an id that does not fit', '4294967295', {}],
])('containerUser refuses %s', (_, imageUser, wanted) => {
  expect(() => chooseUser(database, imageUser, security(wanted))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
});

test('containerUser reads the passwd file of the image, never the one a symlink of the image leads to outside', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'berth-user-'));
  const root = join(directory, 'root');
  await mkdir(join(root, 'etc'), { recursive: true });
  await writeFile(join(directory, 'passwd'), 'web:x:7:7::/:\n');
  await symlink('../../passwd', join(root, 'etc/passwd'));
  await expect(containerUser(root, 'web', null)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await writeFile(join(root, 'passwd'), 'web:x:8:8::/:\n');
  expect(await containerUser(root, 'web', null)).toMatchObject({ uid: 8 });
  await rm(directory, { recursive: true });
});

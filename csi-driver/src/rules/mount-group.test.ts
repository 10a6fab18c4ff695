import { expect, test } from 'vitest';
import { mountGroupOf, objectionToGroup } from './mount-group.ts';

const mount = (volumeMountGroup: string) => ({ fsType: '', mountFlags: [], volumeMountGroup });

for (const text of ['', '0', '2000', '4294967294']) {
  test(`the group "${text}" can be had`, () => {
    expect(objectionToGroup(mount(text))).toBeUndefined();
    expect(mountGroupOf(mount(text))).toBe(text === '' ? undefined : Number(text));
  });
}

for (const text of ['-1', '4294967295', '99999999999', '0x10', '1e3', ' 1', 'root', '2000,suid', '1\n2']) {
  test(`the group ${JSON.stringify(text)} cannot be had, and is not repeated`, () => {
    expect(objectionToGroup(mount(text))).toMatch(/must be the number of a group/);
    expect(objectionToGroup(mount(text))).not.toContain(`"${text}"`);
  });
}

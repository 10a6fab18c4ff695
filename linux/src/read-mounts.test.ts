import { expect, test } from 'vitest';
import { linuxMounter } from './mounter.linux.ts';
import { readMounts } from './read-mounts.ts';

test('the table read aside is that of the mounter', async () => {
  const procOf = (mounts: Awaited<ReturnType<typeof readMounts>>) =>
    mounts.filter(({ mountPoint }) => mountPoint === '/proc');
  const aside = procOf(await readMounts());
  expect(aside).not.toEqual([]);
  expect(aside).toEqual(procOf([...linuxMounter.mounts()]));
});

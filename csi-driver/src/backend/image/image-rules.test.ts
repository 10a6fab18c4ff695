import { expect, test } from 'vitest';
import { imageMountOptions, objectionToImageFlags } from './image-flags.ts';
import { imageOffer } from './image-offer.ts';
import { parseMkfsOptions } from './mkfs-options.ts';

const MiB = 1024 ** 2;

const allowed = [
  ['ext4', '-b 1024 -m 5', ['-b', '1024', '-m', '5']],
  ['ext4', '-O ^has_journal,extent', ['-O', '^has_journal,extent']],
  ['xfs', '-m reflink=1,crc=1  -L data', ['-m', 'reflink=1,crc=1', '-L', 'data']],
  ['btrfs', '-n 16k -m dup', ['-n', '16k', '-m', 'dup']],
  ['ext4', '', []],
] as const;

for (const [fsType, text, args] of allowed) {
  test(`mkfsOptions "${text}" of ${fsType} become arguments`, () => {
    expect(parseMkfsOptions(text, fsType)).toEqual(args);
  });
}

const refused = [
  ['ext4', '-F'],
  ['ext4', '-b'],
  ['ext4', '-b 4096 /dev/sda'],
  ['ext4', '-b 1024;reboot'],
  ['ext4', '-b 65536'],
  ['ext4', '-m 51'],
  ['ext4', '-i 1'],
  ['ext4', '-I 100'],
  ['ext4', '-N 4294967296'],
  ['ext4', '-O ^has_journal,journal_dev'],
  ['ext4', '-L ../../x'],
  ['ext4', '-d /etc'],
  ['ext4', '-U clear'],
  ['ext4', 'constructor x'],
  ['xfs', '-d file,name=/etc/passwd'],
  ['xfs', '-l logdev=/dev/sda'],
  ['btrfs', '--rootdir /etc'],
] as const;

for (const [fsType, text] of refused) {
  test(`mkfsOptions "${text}" of ${fsType} are INVALID_ARGUMENT`, () => {
    expect(() => parseMkfsOptions(text, fsType)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
}

test('mount flags are those of the filesystem asked, and never more than asked', () => {
  expect(objectionToImageFlags(['noatime,commit=5', 'ro'], 'ext4')).toBeUndefined();
  expect(objectionToImageFlags(['compress=zstd:3'], 'btrfs')).toBeUndefined();
  for (const flag of ['compress=zstd:3', 'errors=panic', 'context=x', 'data=ordered ', 'journal_path=/dev/sda']) {
    const objection = objectionToImageFlags([flag], 'ext4');
    expect([flag, typeof objection]).toEqual([flag, 'string']);
    expect(objection).not.toContain(flag);
  }
  expect(imageMountOptions(['rw', 'noatime,discard'], 'ext4')).toEqual(['noatime', 'discard', 'noinit_itable']);
  expect(imageMountOptions(['nouuid'], 'xfs')).toEqual(['nouuid']);
  expect(imageMountOptions([], 'xfs')).toEqual(['nouuid']);
});

test('sizes are what the filesystem needs, in whole blocks', () => {
  const { sizeFor } = imageOffer;
  expect([sizeFor(1, undefined), sizeFor(1, 'ext4'), sizeFor(1, 'xfs')]).toEqual([MiB, 2 * MiB, 300 * MiB]);
  expect(sizeFor(10 * MiB + 1, 'ext4')).toBe(10 * MiB + 4096);
  expect(sizeFor(1024 * MiB, 'xfs')).toBe(1024 * MiB);
});

import { expect, test } from 'vitest';
import { parseMountInfo, unescapeOctal } from './mountinfo.ts';

test('parseMountInfo reads optional fields, bind roots and escaped names', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
    '42 27 254:0 /pool/a\\040b /pods/x\\134y ro,relatime - ext4 /dev/vda rw',
  ].join('\n');
  const [first, second] = parseMountInfo(text);
  expect(first).toMatchObject({
    id: 36,
    parentId: 35,
    device: '98:0',
    root: '/mnt1',
    propagation: ['master:1', 'shared:7'],
    fsType: 'ext3',
  });
  expect(second).toMatchObject({
    root: '/pool/a b',
    mountPoint: '/pods/x\\y',
    options: ['ro', 'relatime'],
    propagation: [],
  });
});

test('parseMountInfo skips a line that is cut short', () => {
  expect(parseMountInfo('36 35 98:0 /mnt1 /mn\n')).toEqual([]);
});

test('unescapeOctal joins bytes of one character', () => {
  expect(unescapeOctal('/a\\303\\244')).toBe('/aä');
});

import { expect, test } from 'vitest';
import { ephemeralSize } from './ephemeral.ts';

const node = { driverName: 'csi.berth.local', memoryBytes: 1024 ** 3 };

const sizes: Record<string, number> = {
  '1000': 1000,
  '5k': 5000,
  '2Mi': 2 * 1024 ** 2,
  '1Gi': 1024 ** 3,
  '1M': 1e6,
  '0.5Gi': 2 ** 29,
  '1e3': 1000,
};

for (const [size, bytes] of Object.entries(sizes)) {
  test(`the size ${size} is ${bytes} bytes`, () => expect(ephemeralSize({ size }, node)).toBe(bytes));
}

for (const size of ['', '0', '-1', '1.5Gi', '1Ti', 'x', '2Gi', '1Mi,uid=0', '.5Gi', '1.Gi', '1e3Mi', '100m', '1e99']) {
  test(`the size "${size}" is INVALID_ARGUMENT`, () => {
    expect(() => ephemeralSize({ size }, node)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
}

test('what the CO adds is no attribute of ours', () => {
  expect(ephemeralSize({ 'csi.storage.k8s.io/pod.name': 'web-0', 'csi.berth.local/size': '1000' }, node)).toBe(1000);
});

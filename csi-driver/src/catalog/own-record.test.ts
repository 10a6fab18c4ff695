import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type OwnRecord, openRecord, sealRecord } from './own-record.ts';

const volume: OwnRecord = {
  kind: 'volume',
  record: {
    id: 'v1',
    name: 'pvc-\u0301 "x"',
    capacityBytes: 5,
    backend: 'image',
    pool: 'fast',
    parameters: { provisioning: 'thin' },
    context: {},
    fsType: 'xfs',
    source: { kind: 'snapshot', id: 's1' },
  },
};
const trashed = { kind: 'trashed', record: { ...volume.record, trashedAtMs: 1, expiresAtMs: 2 } } as OwnRecord;
const snapshot = {
  kind: 'snapshot',
  record: { id: 's1', name: 's', sourceVolumeId: 'v1', sizeBytes: 5, backend: 'btrfs', createdAtMs: 7, groupId: 'g' },
} as OwnRecord;

for (const own of [volume, trashed, snapshot]) {
  test(`a ${own.kind} says of itself what it is`, () => {
    expect(openRecord(sealRecord(own))).toEqual(own);
    const numbered = { ...own.record, sequence: 9, state: 'ready' };
    expect(openRecord(sealRecord({ ...own, record: numbered } as unknown as OwnRecord))).toEqual(own);
  });

  test(`no change of a byte of a ${own.kind}'s record goes unseen`, () => {
    const sealed = sealRecord(own);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(openRecord(changed)).toBe('damaged');
    }
    for (let length = 0; length < sealed.length; length++)
      expect(openRecord(sealed.subarray(0, length))).toBe('damaged');
  });
}

const withChecksum = (text: string) => Buffer.from(`${crc32(text).toString(16).padStart(8, '0')}${text}`);
const changed = (change: object) => JSON.stringify({ version: 1, kind: 'volume', ...volume.record, ...change });

for (const [what, text] of Object.entries({
  nothing: '',
  null: 'null',
  'no JSON': '{"version":1',
  'a list': '[1]',
  'a number': '7',
  'no version': changed({ version: undefined }),
  'another kind': changed({ kind: 'disk' }),
  'no name': changed({ name: '' }),
  'a number as a name': changed({ name: 5 }),
  'a size below zero': changed({ capacityBytes: -1 }),
  'a size that is no number': changed({ capacityBytes: '5' }),
  'parameters that are no map': changed({ parameters: [] }),
  'parameters that are no texts': changed({ parameters: { a: { b: 1 } } }),
  'no context': changed({ context: null }),
  'a source of nothing': changed({ source: { kind: 'disk', id: 'x' } }),
  'a pool that is no text': changed({ pool: {} }),
  'a trashed one without times': changed({ kind: 'trashed' }),
  'a snapshot without a source': changed({ kind: 'snapshot' }),
})) {
  test(`${what}, with the right checksum, is no record`, () => {
    expect(openRecord(withChecksum(text))).toBe('damaged');
  });
}

test('what a newer driver wrote is left to it', () => {
  expect(openRecord(withChecksum(changed({ version: 2 })))).toBe('newer');
});

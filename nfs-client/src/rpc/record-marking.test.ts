import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frame, RecordReader } from './record-marking.ts';

/** Cuts a buffer at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function fragmented(record: Uint8Array, places: readonly number[]): Buffer {
  const parts = cut(Buffer.from(record), places);
  if (parts.length === 0) parts.push(Buffer.alloc(0));
  return Buffer.concat(
    parts.flatMap((part, index) => {
      const mark = Buffer.alloc(4);
      mark.writeUInt32BE(((index === parts.length - 1 ? 0x8000_0000 : 0) | part.length) >>> 0);
      return [mark, part];
    }),
  );
}

const places = fc.array(fc.nat(5000), { maxLength: 20 });

test('records come out as they went in, however the stream and the records are cut', () => {
  const record = fc.tuple(fc.uint8Array({ maxLength: 3000 }), places);
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), places, (records, cuts) => {
      const stream = Buffer.concat(records.map(([bytes, fragments]) => fragmented(bytes, fragments)));
      const reader = new RecordReader(10_000);
      const got = cut(stream, cuts).flatMap((chunk) => reader.push(Buffer.from(chunk)));
      expect(got.map((bytes) => bytes.toString('hex'))).toEqual(
        records.map(([bytes]) => Buffer.from(bytes).toString('hex')),
      );
    }),
  );
});

test('records received in place are the same', () => {
  const record = fc.tuple(fc.uint8Array({ minLength: 3000, maxLength: 30_000 }), places);
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 9000 })), (records, sizes) => {
      const stream = Buffer.concat(records.map(([bytes, fragments]) => fragmented(bytes, fragments)));
      const reader = new RecordReader(100_000);
      const got: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const space = reader.space();
        const copied = stream.copy(space, 0, at, at + (sizes[turn % sizes.length] ?? 5000));
        at += copied;
        got.push(...reader.received(space, copied));
      }
      expect(got.map((bytes) => bytes.toString('base64'))).toEqual(
        records.map(([bytes]) => Buffer.from(bytes).toString('base64')),
      );
    }),
    { numRuns: 50 },
  );
});

test('frame writes one last fragment', () => {
  expect(Buffer.concat(frame([Buffer.from('ab'), Buffer.from('c')]))).toEqual(Buffer.from('\x80\0\0\x03abc', 'latin1'));
});

test('a length over the limit is refused before anything is allocated for it', () => {
  const reader = new RecordReader(100);
  expect(() => reader.push(Buffer.from([0x80, 0, 0, 101]))).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
});

test('fragments count together against the limit', () => {
  const reader = new RecordReader(100);
  const half = Buffer.concat([Buffer.from([0, 0, 0, 60]), Buffer.alloc(60)]);
  reader.push(half);
  expect(() => reader.push(half)).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
});

test('a record of ever more empty fragments is refused', () => {
  const reader = new RecordReader(100);
  expect(() => reader.push(Buffer.alloc(4 * 5000))).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { XdrReader } from './xdr-reader.ts';
import { XdrWriter } from './xdr-writer.ts';

type Item =
  | { readonly kind: 'u32'; readonly value: number }
  | { readonly kind: 'i64'; readonly value: bigint }
  | { readonly kind: 'u64'; readonly value: bigint }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'opaque'; readonly value: Uint8Array }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly value: readonly number[] }
  | { readonly kind: 'optional'; readonly value: number | undefined };

const u32 = fc.nat(0xffff_ffff);
const item: fc.Arbitrary<Item> = fc.oneof(
  u32.map((value) => ({ kind: 'u32', value }) as const),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => ({ kind: 'i64', value }) as const),
  fc.bigInt(0n, 2n ** 64n - 1n).map((value) => ({ kind: 'u64', value }) as const),
  fc.boolean().map((value) => ({ kind: 'bool', value }) as const),
  fc.uint8Array({ maxLength: 5000 }).map((value) => ({ kind: 'opaque', value }) as const),
  fc.string({ unit: 'grapheme' }).map((value) => ({ kind: 'string', value }) as const),
  fc.array(u32).map((value) => ({ kind: 'array', value }) as const),
  fc.option(u32, { nil: undefined }).map((value) => ({ kind: 'optional', value }) as const),
);

function write(writer: XdrWriter, item: Item): void {
  const { kind, value } = item;
  if (kind === 'u32') writer.u32(value);
  else if (kind === 'i64') writer.i64(value);
  else if (kind === 'u64') writer.u64(value);
  else if (kind === 'bool') writer.bool(value);
  else if (kind === 'opaque') writer.opaque(value);
  else if (kind === 'string') writer.string(value);
  else if (kind === 'array') writer.array(value, (each) => writer.u32(each));
  else writer.optional(value, (each) => writer.u32(each));
}

function read(reader: XdrReader, { kind }: Item): unknown {
  if (kind === 'u32') return reader.u32();
  if (kind === 'i64') return reader.i64();
  if (kind === 'u64') return reader.u64();
  if (kind === 'bool') return reader.bool();
  if (kind === 'opaque') return Uint8Array.from(reader.opaque(5000));
  if (kind === 'string') return reader.string(5000);
  if (kind === 'array') return reader.array(5000, () => reader.u32());
  return reader.optional(() => reader.u32());
}

test('what is written is read back, in multiples of four bytes', () => {
  fc.assert(
    fc.property(fc.array(item), (items) => {
      const writer = new XdrWriter();
      for (const each of items) write(writer, each);
      const bytes = Buffer.concat(writer.chunks());
      expect(bytes.length % 4).toBe(0);
      expect(bytes.length).toBe(writer.length);
      const reader = new XdrReader(bytes);
      expect(items.map((each) => read(reader, each))).toEqual(items.map(({ value }) => value));
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('bytes of any kind are read or refused as BAD_REPLY, never past their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(item, { minLength: 1 }), (bytes, items) => {
      const reader = new XdrReader(bytes);
      try {
        for (const each of items) read(reader, each);
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_REPLY' });
      }
      expect(reader.remaining).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('an array whose length the bytes cannot hold is refused before it is made', () => {
  const bytes = Buffer.concat(new XdrWriter().u32(0x3fff_ffff).chunks());
  expect(() => new XdrReader(bytes).array(2 ** 30, () => 0)).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
});

test('large data is referenced, not copied', () => {
  const data = Buffer.alloc(100_001, 7);
  const chunks = new XdrWriter().u32(1).opaque(data).u32(2).chunks();
  expect(chunks).toContain(data);
  expect(Buffer.concat(chunks).length).toBe(4 + 4 + 100_004 + 4);
});

test('sizes over 2^53-1 are refused where they must be exact and clamped where they mean no limit', () => {
  const bytes = Buffer.alloc(8, 0xff);
  expect(() => new XdrReader(bytes).size()).toThrow(expect.objectContaining({ code: 'BAD_REPLY' }));
  expect(new XdrReader(bytes).clamped()).toBe(Number.MAX_SAFE_INTEGER);
});

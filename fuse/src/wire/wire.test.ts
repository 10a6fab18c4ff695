import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeDevice, splitDevice } from '../file-system.ts';
import { type Field, requestBytes } from '../testing/request-writer.ts';
import { DirectoryBuffer } from './directory-buffer.ts';
import { headerBytes } from './protocol.ts';
import { attributesReply, entryBytes, entryReply, invalidateAttributes, replyHeader } from './replies.ts';
import * as requests from './requests.ts';
import { WireReader } from './wire-reader.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\0'));

function bodyOf(...body: readonly Field[]): WireReader {
  const reader = new WireReader(requestBytes({ opcode: 1, body }));
  reader.skip(headerBytes.request);
  return reader;
}

test('a header is read as it was written; a node beyond 2^53 is nobody’s', () => {
  fc.assert(
    fc.property(u32, u64, u64, u32, (opcode, unique, node, pid) => {
      const header = requests.readHeader(new WireReader(requestBytes({ opcode, unique, node, pid })));
      expect(header).toMatchObject({ opcode, unique: BigInt(unique), node, caller: { uid: 0, gid: 0, pid } });
    }),
  );
  expect(requests.readHeader(new WireReader(requestBytes({ opcode: 1, node: 2n ** 63n }))).node).toBe(-1);
});

test('a write’s fields and data are read as they were written', () => {
  fc.assert(
    fc.property(u64, u64, u32, fc.uint8Array(), (id, offset, flags, data) => {
      const body = bodyOf(
        ...([
          ['u64', id],
          ['u64', offset],
          ['u32', data.length],
          ['u32', 1],
          ['u64', 7],
          ['u32', flags],
          ['u32', 0],
          data,
        ] as const),
      );
      const read = requests.readWrite(5, body);
      expect({ ...read, data: [...read.data] }).toEqual({
        node: 5,
        id,
        offset,
        flags,
        isFromCache: true,
        data: [...data],
      });
    }),
  );
});

test('a rename’s two names are told apart', () => {
  fc.assert(
    fc.property(name, name, u64, u32, (from, to, parent, flags) => {
      const read = requests.readRename(3, bodyOf(['u64', parent], ['u32', flags], ['u32', 0], from, to), true);
      expect([
        read.from.parent,
        read.from.name.toString(),
        read.to.parent,
        read.to.name.toString(),
        read.flags,
      ]).toEqual([3, from, parent, to, flags]);
    }),
  );
});

test('only what a setattr marks is changed, whatever the other fields hold', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x1ff }), (valid) => {
      const rest: Field[] = [
        ['u64', 2n ** 64n - 1n],
        ['u64', 10],
        ['u64', 11],
        ['u64', 12],
        ['u32', 1],
        ['u32', 2],
        ['u32', 3],
        ['u32', 0o100644],
        ['u32', 0],
        ['u32', 1000],
        ['u32', 2000],
        ['u32', 0],
      ];
      const file: Field = ['u64', valid & (1 << 6) ? 77 : 2n ** 64n - 1n];
      const size: Field = ['u64', valid & (1 << 3) ? 99 : 2n ** 64n - 1n];
      const { id, changes } = requests.readSetattr(bodyOf(['u32', valid], ['u32', 0], file, size, ...rest));
      expect(id).toBe(valid & (1 << 6) ? 77 : undefined);
      expect(changes.sizeBytes).toBe(valid & (1 << 3) ? 99 : undefined);
      expect(changes.mode).toBe(valid & 1 ? 0o644 : undefined);
      expect(changes.uid).toBe(valid & 2 ? 1000 : undefined);
      expect(changes.gid).toBe(valid & 4 ? 2000 : undefined);
      const accessed = valid & (1 << 7) ? 'now' : valid & (1 << 4) ? 10_000_000_001n : undefined;
      const modified = valid & (1 << 8) ? 'now' : valid & (1 << 5) ? 11_000_000_002n : undefined;
      expect([changes.accessedNs, changes.modifiedNs]).toEqual([accessed, modified]);
    }),
  );
});

test('a name that does not end, a number beyond 2^53 and a cut field are errors, not crashes', () => {
  expect(() => bodyOf(Buffer.from('no end')).text()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  expect(() => bodyOf(['u64', 2n ** 53n]).u64()).toThrow(expect.objectContaining({ code: 'EFBIG' }));
  expect(() => bodyOf(['u32', 1]).u64()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

const stat = {
  inode: 2n ** 64n - 2n,
  mode: 0o100644,
  links: 3,
  uid: 1000,
  gid: 2000,
  device: 0,
  sizeBytes: Number.MAX_SAFE_INTEGER,
  usedBytes: 1025,
  blockBytes: 4096,
  accessedNs: -1n,
  modifiedNs: 1_234_567_890_123_456_789n,
  changedNs: 0n,
};

test('attributes lie where fuse_attr has them, also before 1970', () => {
  const data = attributesReply({ stat, validMs: 1500 });
  expect(data.length).toBe(104);
  expect([data.readBigUInt64LE(0), data.readUInt32LE(8)]).toEqual([1n, 500_000_000]);
  const attr = data.subarray(16);
  expect(attr.readBigUInt64LE(0)).toBe(stat.inode);
  expect(attr.readBigUInt64LE(8)).toBe(BigInt(stat.sizeBytes));
  expect(attr.readBigUInt64LE(16)).toBe(3n);
  expect([attr.readBigInt64LE(24), attr.readUInt32LE(48)]).toEqual([-1n, 999_999_999]);
  expect([attr.readBigInt64LE(32), attr.readUInt32LE(52)]).toEqual([1_234_567_890n, 123_456_789]);
  expect([60, 64, 68, 72, 80].map((at) => attr.readUInt32LE(at))).toEqual([0o100644, 3, 1000, 2000, 4096]);
});

test('an entry lies where fuse_entry_out has it, and an absent one is node 0', () => {
  const entry = entryReply({ node: 9, entryValidMs: 30_001, stat, validMs: 0 });
  expect([entry.length, entry.readBigUInt64LE(0), entry.readBigUInt64LE(16), entry.readUInt32LE(32)]).toEqual([
    entryBytes,
    9n,
    30n,
    1_000_000,
  ]);
  expect(entry.readUInt32LE(40 + 60)).toBe(stat.mode);
  expect(entryReply({ node: 0, entryValidMs: 3000 }).readBigUInt64LE(0)).toBe(0n);
});

test('a directory’s entries are aligned and end where the room ends', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 })),
      fc.integer({ min: 0, max: 4096 }),
      fc.boolean(),
      (names, size, plus) => {
        const buffer = new DirectoryBuffer(size, plus);
        const taken: Uint8Array[] = [];
        for (const [index, one] of names.entries()) {
          if (!buffer.add({ name: one, inode: BigInt(index), type: 0o040000, offset: index + 1 })) break;
          taken.push(one);
        }
        const { bytes } = buffer;
        expect(bytes.length).toBeLessThanOrEqual(size);
        const read: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; ) {
          const dirent = at + (plus ? entryBytes : 0);
          const length = bytes.readUInt32LE(dirent + 16);
          expect([Number(bytes.readBigUInt64LE(dirent + 8)), bytes.readUInt32LE(dirent + 20)]).toEqual([
            read.length + 1,
            4,
          ]);
          read.push(Uint8Array.from(bytes.subarray(dirent + 24, dirent + 24 + length)));
          at = dirent + 24 + Math.ceil(length / 8) * 8;
        }
        expect(read).toEqual(taken.map((one) => Uint8Array.from(one)));
      },
    ),
  );
});

test('headers and notifications say their length', () => {
  expect(replyHeader(7n, 3, 5)).toEqual(
    Buffer.concat([Buffer.from([19, 0, 0, 0, 251, 255, 255, 255, 7]), Buffer.alloc(7)]),
  );
  const notice = invalidateAttributes(5);
  expect([notice.readUInt32LE(0), notice.readInt32LE(4), notice.readBigUInt64LE(8), notice.readBigInt64LE(24)]).toEqual(
    [40, 2, 0n, -1n],
  );
});

test('device numbers come back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xfff }), fc.integer({ min: 0, max: 0xfffff }), (major, minor) => {
      expect(splitDevice(makeDevice(major, minor))).toEqual({ major, minor });
    }),
  );
});

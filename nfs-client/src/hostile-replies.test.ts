import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nfsHandle } from './protocol/nfs-handle.ts';
import * as change3 from './v3/change-procedures.ts';
import * as data3 from './v3/data-procedures.ts';
import * as tree3 from './v3/tree-procedures.ts';
import * as change4 from './v4/change-operations.ts';
import * as data4 from './v4/data-operations.ts';
import * as extended4 from './v4/extended-operations.ts';
import * as open4 from './v4/open-operations.ts';
import { decodeCompound, type Operation } from './v4/operation.ts';
import * as session4 from './v4/session-operations.ts';
import { anonymousStateid as stateid } from './v4/stateid.ts';
import * as tree4 from './v4/tree-operations.ts';
import { XdrReader } from './xdr/xdr-reader.ts';

type Decoder = readonly [string, (reader: XdrReader) => unknown];

const procedures: Decoder[] = Object.values({ ...tree3, ...change3, ...data3 }).map(({ name, decode }) => [
  `NFS3 ${name}`,
  decode,
]);
const range = { offset: 0, length: 4096 };
const operations: readonly Operation<unknown>[] = [
  ...[tree4.getFh, tree4.getattr(), tree4.access(1), tree4.readlink, tree4.readdir(undefined, 4096)],
  ...[change4.create({ type: 'directory' }, 'a', {}), change4.remove('a'), change4.rename('a', 'b'), change4.link('a')],
  ...[change4.setattr(stateid, {}), data4.read(stateid, range), data4.commit, open4.close(stateid)],
  data4.write(stateid, { offset: 0, data: Buffer.alloc(4096), stability: 0 }),
  open4.open({ clientId: 1n, owner: Buffer.alloc(1), access: 'read', how: { mode: 'existing' }, name: 'a' }),
  ...[extended4.seek(stateid, { offset: 0, what: 'data' }), extended4.changeSpace('allocate', stateid, range)],
  extended4.copy({ source: stateid, target: stateid }, { sourceOffset: 0, offset: 0, length: 10 }),
  session4.exchangeId({ verifier: Buffer.alloc(8), id: Buffer.alloc(1) }),
  session4.createSession({
    clientId: 1n,
    sequence: 1,
    identity: { uid: 0, gid: 0 },
    limits: { maxRequestBytes: 1, maxReplyBytes: 1, maxCachedBytes: 1, maxOperations: 1, maxRequests: 1 },
  }),
  session4.sequence({ sessionId: Buffer.alloc(16), sequence: 1, slot: 0, highestSlot: 0, keepReply: false }),
];
const decoders: readonly Decoder[] = [
  ...procedures,
  ...operations.map(({ name, decode }) => [`NFS4 ${name}`, decode] as const),
  ['NFS4 COMPOUND', (reader) => decodeCompound(reader, operations, false)],
];

/** Words that mean something to a decoder more often than chance: flags, small lengths, huge lengths. */
const word = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 8, 64, 0x7fff_ffff, 0xffff_ffff), fc.nat(0xffff_ffff));
const words = fc.array(word, { maxLength: 120 }).map((values) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
});

test('all procedures of NFSv3 but NULL and PATHCONF, which nobody asks for, have a row', () => {
  const numbers = Object.values({ ...tree3, ...change3, ...data3 }).map(({ number }) => number);
  expect(numbers.sort((a, b) => a - b)).toEqual([...Array.from({ length: 19 }, (_, i) => i + 1), 21]);
});

test.each(decoders)(
  '%s takes any reply for a result or for BAD_REPLY, and holds no more than was sent',
  (_name, decode) => {
    fc.assert(
      fc.property(fc.oneof(words, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        try {
          const result = decode(new XdrReader(bytes));
          const held = JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? String(value) : value)) ?? '';
          expect(held.length).toBeLessThan(40_000);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_REPLY' });
        }
      }),
      { numRuns: 150 },
    );
  },
);

test('what is asked of a server holds no name that leads elsewhere', () => {
  for (const name of ['..', 'a/b', '', 'x\0'])
    for (const make of [() => tree4.lookup(name), () => change4.remove(name), () => change4.link(name)])
      expect(() => make().encode(undefined as never)).toThrow();
  expect(nfsHandle(Buffer.from('x'))).toHaveLength(1);
});

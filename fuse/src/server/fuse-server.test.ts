import { constants } from 'node:os';
import { FakeClock, settle, silentLogger } from '@berth/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryFileSystem } from '../testing/memory-file-system.ts';
import { requestBytes } from '../testing/request-writer.ts';
import { ScriptedDevice } from '../testing/scripted-device.ts';
import { headerBytes, initFlag, opcode } from '../wire/protocol.ts';
import { FuseServer } from './fuse-server.ts';

const { errno } = constants;
const limits = { maxWriteBytes: 1 << 20, maxReadaheadBytes: 1 << 20, maxBackground: 64 };
const u32 = (value: number) => ['u32', value] as const;
const u64 = (value: number | bigint) => ['u64', value] as const;

function harness({ dying = false } = {}) {
  const clock = new FakeClock();
  const device = new ScriptedDevice();
  const fileSystem = new MemoryFileSystem(clock);
  const state = { dying };
  const isDying = () => state.dying;
  const server = new FuseServer({ device, fileSystem, limits, clock, log: silentLogger, isDying });
  const ended = server.run();
  const end = async () => {
    device.unmount();
    await ended;
  };
  return { clock, device, fileSystem, server, state, end };
}

const initRequest = (major: number, minor: number, flags = 0xffff_ffff) =>
  requestBytes({ opcode: opcode.init, body: [u32(major), u32(minor), u32(131072), u32(flags), u32(0xffff_ffff)] });

test('INIT takes what both know, and neither the writeback cache nor locks', async () => {
  const { device, server, end } = harness();
  device.give(initRequest(7, 45));
  await server.ready;
  const { data } = device.replies[0]!;
  expect([data.readUInt32LE(0), data.readUInt32LE(4), data.readUInt32LE(8)]).toEqual([7, 38, 131072]);
  const flags = data.readUInt32LE(12);
  expect(flags & initFlag.writebackCache).toBe(0);
  expect(flags & (1 << 1)).toBe(0);
  expect(flags & initFlag.readdirplus).not.toBe(0);
  expect([data.readUInt32LE(20), data.readUInt16LE(28)]).toEqual([1 << 20, 256]);
  expect(data.length).toBe(64);
  await end();
});

test('a newer major is asked again, an older kernel is refused', async () => {
  const { device, server, end } = harness();
  device.give(initRequest(8, 0));
  await settle();
  expect(device.replies[0]!.data.readUInt32LE(0)).toBe(7);
  device.give(initRequest(7, 30));
  await settle();
  expect(device.replies[1]!.errno).toBe(errno.EPROTO);
  await end();
  await expect(server.ready).rejects.toMatchObject({ code: 'ENODEV' });
});

test('a request that is cut anywhere is refused, and the next is answered', async () => {
  const { device, end } = harness();
  const write = requestBytes({
    opcode: opcode.write,
    unique: 4,
    body: [u64(1), u64(0), u32(5), u32(0), u64(0), u32(0), u32(0), Buffer.from('hello')],
  });
  for (let length = 0; length < write.length; length++) {
    const cut = Buffer.from(write.subarray(0, length));
    if (length >= 4) cut.writeUInt32LE(length, 0);
    device.give(cut);
  }
  device.give(requestBytes({ opcode: opcode.getattr, unique: 6, body: [u32(0), u32(0), u64(0)] }));
  await settle();
  for (const reply of device.replies.slice(0, -1)) expect([errno.EINVAL, errno.EIO]).toContain(reply.errno);
  expect(device.replyTo(6)).toMatchObject({ errno: 0 });
  expect(device.replyTo(6)?.data.length).toBe(104);
  await end();
});

test('no bytes whatever end the server', async () => {
  const { device, fileSystem, end } = harness();
  // DESTROY and INIT say nothing about files; all others are tried.
  const anyRequest = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.uint8Array({ maxLength: 200 }), fc.nat(5))
    .map(([code, body, node]) => requestBytes({ opcode: code, node, body: [body] }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          anyRequest,
          fc.uint8Array({ maxLength: 120 }).map((b) => Buffer.from(b)),
        ),
      ),
      async (all) => {
        device.give(...all);
        await settle();
      },
    ),
    { numRuns: 300 },
  );
  device.replies.length = 0;
  device.give(requestBytes({ opcode: opcode.statfs, unique: 1000 }));
  await settle();
  expect(device.replyTo(1000)?.data.length).toBe(80);
  expect(fileSystem.isDisposed).toBe(false);
  await end();
});

test('what is not known is ENOSYS, a node that is not known ESTALE, a size beyond all bounds EINVAL', async () => {
  const { device, end } = harness();
  device.give(
    requestBytes({ opcode: 22, unique: 2, body: [u64(0), 'user.x'] }),
    requestBytes({ opcode: opcode.getattr, unique: 4, node: 2n ** 64n - 1n, body: [u32(0), u32(0), u64(0)] }),
    requestBytes({
      opcode: opcode.readdir,
      unique: 6,
      body: [u64(1), u64(0), u32(0xffff_ffff), u32(0), u64(0), u64(0)],
    }),
    requestBytes({ opcode: opcode.read, unique: 8, body: [u64(1), u64(2n ** 60n), u32(1), u32(0), u64(0), u64(0)] }),
  );
  await settle();
  expect([2, 4, 6, 8].map((unique) => device.replyTo(unique)?.errno)).toEqual([
    errno.ENOSYS,
    errno.ESTALE,
    errno.EINVAL,
    errno.EFBIG,
  ]);
  await end();
});

test('forgets of many nodes at once give back what they say, and no more than the request holds', async () => {
  const { device, fileSystem, end } = harness();
  for (const [index, name] of ['a', 'b'].entries())
    device.give(requestBytes({ opcode: opcode.mkdir, unique: 2 + index * 2, body: [u32(0o755), u32(0), name] }));
  await settle();
  const [a, b] = [2, 4].map((unique) => Number(device.replyTo(unique)!.data.readBigUInt64LE(0)));
  device.give(
    requestBytes({ opcode: opcode.batchForget, body: [u32(1_000_000), u32(0), u64(a!), u64(1), u64(b!), u64(1)] }),
  );
  await settle();
  expect([fileSystem.nodes.get(a!)?.references, fileSystem.nodes.get(b!)?.references]).toEqual([0, 0]);
  expect(device.replies).toHaveLength(2);
  await end();
});

function heldRead() {
  const h = harness();
  h.fileSystem.onRead = (signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  h.device.give(
    requestBytes({ opcode: opcode.read, unique: 8, body: [u64(1), u64(0), u32(9), u32(0), u64(0), u64(0)] }),
  );
  const interrupt = () => h.device.give(requestBytes({ opcode: opcode.interrupt, unique: 9, body: [u64(8)] }));
  return { ...h, interrupt };
}

test('a signal that a program survives interrupts nothing; its death, even later, does', async () => {
  const { device, interrupt, state, clock, end } = heldRead();
  await settle();
  interrupt();
  await settle();
  await clock.advance(1000);
  expect(device.replies).toEqual([]);
  state.dying = true;
  await clock.advance(1000);
  expect(device.replyTo(8)?.errno).toBe(errno.EINTR);
  expect(device.replies).toHaveLength(1);
  await end();
});

test('an unmount gives up what is under way', async () => {
  const { device, end } = heldRead();
  await settle();
  await end();
  await settle();
  expect(device.replyTo(8)?.errno).toBe(errno.EINTR);
});

test('a request whose length is a lie is refused', async () => {
  const { device, end } = harness();
  const request = requestBytes({ opcode: opcode.statfs, unique: 2 });
  request.writeUInt32LE(headerBytes.request + 8, 0);
  device.give(request);
  await settle();
  expect(device.replyTo(2)?.errno).toBe(errno.EIO);
  await end();
});

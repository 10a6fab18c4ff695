import { EventEmitter, once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { pauseReading, pieceRead } from './pause-reading.ts';

class ASession extends EventEmitter {
  destroyed = false;
  isRead = true;
  readonly socket = {
    destroyed: false,
    _handle: { readStart: () => this.#read(true), readStop: () => this.#read(false) },
  };

  constructor() {
    super();
    pauseReading(this as unknown as ServerHttp2Session);
  }

  ask(headers: number): EventEmitter {
    const stream = Object.assign(new EventEmitter(), { session: this });
    this.emit('stream', stream, {}, 0, new Array(2 * headers).fill(''));
    return stream;
  }

  [Symbol.dispose](): void {
    this.destroyed = true;
    this.emit('close');
  }

  #read(isRead: boolean): void {
    if (this.destroyed) throw new Error('it has no handle any more');
    this.isRead = isRead;
  }
}

test('once a turn has read enough nobody is read, in the next all but who took it, who goes on after a turn with room', async () => {
  using greedy = new ASession();
  using other = new ASession();
  for (let i = 0; i < 5; i++) greedy.ask(1000);
  expect([greedy.isRead, other.isRead]).toEqual([false, false]);
  await setImmediate();
  expect([greedy.isRead, other.isRead]).toEqual([false, true]);
  await setImmediate();
  expect([greedy.isRead, other.isRead]).toEqual([true, true]);
});

test('of many who take too much each has a turn, and who asks for little is read in all of them', async () => {
  using modest = new ASession();
  const greedy = Array.from({ length: 20 }, () => new ASession());
  let turnsOfAll = 0;
  const had = new Set<ASession>();
  for (; had.size < greedy.length; turnsOfAll++) {
    const next = greedy.find((each) => each.isRead);
    if (next) had.add(next);
    for (let i = 0; i < 100 && next?.isRead; i++) next.ask(1000);
    await setImmediate();
    expect(modest.isRead).toBe(true);
  }
  expect(turnsOfAll).toBe(greedy.length);
  await setImmediate();
  expect(greedy.every((each) => each.isRead)).toBe(true);
  for (const each of greedy) each[Symbol.dispose]();
});

test('trailers and small pieces of bodies count, too', async () => {
  using session = new ASession();
  for (let i = 0; i < 5; i++) session.ask(10).emit('trailers', {}, 0, new Array(2000).fill(''));
  expect(session.isRead).toBe(false);
  while (!session.isRead) await setImmediate();
  const stream = session.ask(10) as Duplex;
  for (let i = 0; i < 1000; i++) pieceRead(stream);
  expect(session.isRead).toBe(false);
  while (!session.isRead) await setImmediate();
});

test('one that ends meanwhile is left alone', async () => {
  const ending = new ASession();
  using other = new ASession();
  for (let i = 0; i < 5; i++) ending.ask(1000);
  ending[Symbol.dispose]();
  for (let i = 0; i < 3; i++) await setImmediate();
  expect([ending.isRead, other.isRead]).toEqual([false, true]);
});

const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.set([type, flags], 3);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

test('of what ten clients send at once a turn reads a part, and each request comes', async () => {
  const server = createServer({ maxHeaderListPairs: 1024 });
  const [clients, requests] = [10, 40];
  let [came, turn, before, most] = [0, true, 0, 0];
  server.on('session', pauseReading);
  server.on('stream', () => came++);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const head = Buffer.from('\x82\x86\x84\x01\x01x', 'latin1');
  // The header is told once, and named with a byte a thousand times.
  const first = Buffer.concat([head, Buffer.from('\x40\x01a\x01b')]);
  const next = Buffer.concat([head, Buffer.alloc(1000, 0x80 | 62)]);
  const asked = Array.from({ length: requests }, (_, i) => frame(1, 5, 2 * i + 1, i === 0 ? first : next));
  const sockets = await Promise.all(
    Array.from({ length: clients }, async () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]));
      await once(socket, 'data');
      return socket;
    }),
  );
  const watching = (async () => {
    for (; turn; before = came) {
      await setImmediate();
      most = Math.max(most, came - before);
    }
  })();
  for (const socket of sockets) socket.resume().write(Buffer.concat(asked));
  while (came < clients * requests) await setImmediate();
  turn = false;
  await watching;
  // Node reads 64 KiB at once where nothing is encrypted.
  expect(most).toBeLessThan(150);
  for (const socket of sockets) socket.destroy();
  server.close();
});

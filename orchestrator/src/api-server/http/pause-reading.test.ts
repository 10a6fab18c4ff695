import { EventEmitter, once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
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

/** A thread has one event loop: a turn of the test before, and those it keeps waiting, are over. */
beforeEach(async () => {
  for (let i = 0; i < 10; i++) await setImmediate();
});

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

/** Ten clients of a server, each of which begins with a request that has a header that it names by a byte from then on. */
async function tenClients(asked: (client: number) => void) {
  const server = createServer({ maxHeaderListPairs: 1024 });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    pauseReading(session);
    session.on('stream', () => asked(sessions.indexOf(session)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sockets = await Promise.all(
    Array.from({ length: 10 }, async () => {
      // Else what is small waits until the kernel has acknowledged what was sent before, for up to 40 ms.
      const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
      socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]));
      await once(socket, 'data');
      return socket.resume();
    }),
  );
  const end = () => {
    for (const socket of sockets) socket.on('error', () => undefined).destroy();
    server.close();
  };
  return { sessions, sockets, [Symbol.dispose]: end };
}

const head = Buffer.from('\x82\x86\x84\x01\x01x', 'latin1');
const first = Buffer.concat([head, Buffer.from('\x40\x01a\x01b')]);
const request = (i: number, headers: number) =>
  frame(1, 5, 2 * i + 1, i === 0 ? first : Buffer.concat([head, Buffer.alloc(headers, 0x80 | 62)]));

/** What `count` grows by in one turn, at most, until it is `enough`. */
async function mostInATurn(count: () => number, enough: number): Promise<number> {
  let most = 0;
  for (let before = count(); before < enough; before = count()) {
    await setImmediate();
    most = Math.max(most, count() - before);
  }
  return most;
}

test('of what ten clients send at once a turn reads a part, and each request comes', async () => {
  let came = 0;
  using clients = await tenClients(() => came++);
  const asked = Array.from({ length: 40 }, (_, i) => request(i, 1000));
  for (const socket of clients.sockets) socket.write(Buffer.concat(asked));
  // Node reads 64 KiB at once where nothing is encrypted.
  expect(await mostInATurn(() => came, 400)).toBeLessThan(150);
});

test('a turn in which Node refuses requests for their headers reads no more, and who asks for little has its turn', async () => {
  let came = 0;
  using clients = await tenClients((client) => {
    if (client === 0) came++;
  });
  const [modest, ...greedy] = clients.sockets;
  modest?.write(request(0, 0));
  while (came < 1) await setImmediate();
  const tooMany = Buffer.concat(Array.from({ length: 90 }, (_, i) => request(i, 1100)));
  for (const socket of greedy) socket.write(tooMany);
  const read = () => clients.sessions.reduce((sum, session) => sum + (session.socket.bytesRead ?? 0), 0);
  const all = read() + greedy.length * tooMany.length;
  for (let i = 1; i < 6; i++) modest?.write(request(i, 0));
  expect(await mostInATurn(read, all)).toBeLessThan(3 * 65_536);
  expect(came).toBe(6);
});

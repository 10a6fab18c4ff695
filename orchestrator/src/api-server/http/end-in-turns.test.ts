import { once } from 'node:events';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { turns } from '../decoding/turns.ts';
import { endInTurns, openOn } from './end-in-turns.ts';

const count = 200;
/** Of one turn, and of the one that the check phase begins. */
const fewAtOnce = 100;

function someSockets() {
  const ended: Duplex[] = [];
  const closed: Duplex[] = [];
  const sockets = Array.from({ length: count }, () => {
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    socket.on('end', () => ended.push(socket)).on('close', () => closed.push(socket));
    endInTurns(socket as Socket);
    return socket;
  });
  return { sockets, ended, closed };
}

/** The most of a turn, until all are there. */
async function mostOfATurn(done: readonly unknown[]): Promise<number> {
  let most = 0;
  for (let before = 0; done.length < count; before = done.length) {
    await setImmediate();
    most = Math.max(most, done.length - before);
  }
  return most;
}

test('of many connections whose end came at once a turn ends some, in their order, and each once', async () => {
  const { sockets, ended, closed } = someSockets();
  await setImmediate();
  for (const socket of sockets) {
    socket.resume();
    socket.push(null);
  }
  expect(await mostOfATurn(ended)).toBeLessThanOrEqual(fewAtOnce);
  expect(ended).toEqual(sockets);
  expect(closed).toEqual([]);
});

test('what came before the end is read before it', async () => {
  const { sockets, ended } = someSockets();
  const texts: string[] = [];
  for (const socket of sockets) {
    socket.on('data', (data: Buffer) => texts.push(data.toString()));
    socket.push('last words');
    socket.push(null);
  }
  await mostOfATurn(ended);
  expect(texts).toEqual(new Array(count).fill('last words'));
});

test('of many connections that are cut off at once a turn closes some, and each once', async () => {
  const { sockets, closed } = someSockets();
  await setImmediate();
  for (const socket of sockets) socket.destroy();
  expect(await mostOfATurn(closed)).toBeLessThanOrEqual(fewAtOnce);
  expect(new Set(closed)).toEqual(new Set(sockets));
});

test('the more requests are under way on connections that are cut off, the fewer a turn closes', async () => {
  const { sockets, closed } = someSockets();
  for (const socket of sockets) openOn(socket).streams = 100;
  await setImmediate();
  for (const socket of sockets) socket.destroy();
  expect(await mostOfATurn(closed)).toBeLessThanOrEqual(fewAtOnce / 10);
  expect(new Set(closed)).toEqual(new Set(sockets));
});

test('what is open on a session of HTTP/2 is open on its connection', async () => {
  await using server = createHttp2Server().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const connected = once(server, 'connection');
  const [session] = (await once(server, 'session')) as [ServerHttp2Session];
  const [socket] = (await connected) as [Socket];
  openOn(session.socket).streams = 7;
  expect(openOn(socket).streams).toBe(7);
  session.destroy();
  client.destroy();
});

test('an end that waits is not told of a connection that was cut off meanwhile', async () => {
  const { sockets, ended, closed } = someSockets();
  for (const socket of sockets) {
    socket.resume();
    socket.push(null);
  }
  for (const socket of sockets) socket.destroy();
  await mostOfATurn(closed);
  for (let i = 0; i < 20; i++) await setImmediate();
  expect(ended.length).toBeLessThanOrEqual(fewAtOnce);
});

test('what a client sends to a connection that waits for its end is passed over', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  endInTurns(socket);
  socket.resume();
  const others = Array.from({ length: 100 }, () => turns.rest());
  socket.destroy();
  // Thrown by Node where the kernel tells of it, and so an error of the run.
  client.write('more');
  await Promise.all(others);
  if (!socket.closed) await once(socket, 'close');
  expect(socket.bytesRead).toBe(0);
  client.destroy();
});

test('a connection of HTTP/2 whose client dies ends also where that has to wait: nobody reads it as a stream', async () => {
  const server = createHttp2Server().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  endInTurns(socket);
  client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  await once(client, 'data');
  const others = Array.from({ length: 100 }, () => turns.rest());
  client.destroy();
  await Promise.all(others);
  if (!socket.closed) await once(socket, 'close');
  server.close();
});

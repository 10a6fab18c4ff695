import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { connect, createServer } from 'node:tls';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { beginInTurns } from './begin-in-turns.ts';

const silentMs = 10_000;

class ASocket extends EventEmitter {
  destroyed = false;
}

function aServer() {
  const server = new EventEmitter();
  const begun: ASocket[] = [];
  server.on('connection', (socket: ASocket) => begun.push(socket));
  beginInTurns(server, new FakeClock(), silentMs);
  const sockets = Array.from({ length: 100 }, () => new ASocket());
  for (const socket of sockets) server.emit('connection', socket);
  return { sockets, begun };
}

test('of many clients that speak at once a turn begins some, in their order, and each is begun once', async () => {
  const { sockets, begun } = aServer();
  await setImmediate();
  expect(begun).toEqual([]);
  for (const socket of sockets) socket.emit('readable');
  const counts: number[] = [];
  for (let before = 0; begun.length < 100; await setImmediate()) {
    counts.push(begun.length - before);
    before = begun.length;
  }
  expect(Math.max(...counts)).toBeLessThanOrEqual(25);
  for (const socket of sockets) socket.emit('readable');
  for (let i = 0; i < 10; i++) await setImmediate();
  expect(begun).toEqual(sockets);
});

test('a connection that is lost while it waits is not begun, and no mistake of anyone', async () => {
  const { sockets, begun } = aServer();
  for (const socket of sockets) socket.emit('readable');
  const last = sockets.at(-1) as ASocket;
  last.emit('error', new Error('ECONNRESET'));
  last.destroyed = true;
  while (begun.length < 99) await setImmediate();
  for (let i = 0; i < 10; i++) await setImmediate();
  expect(begun).toEqual(sockets.slice(0, 99));
});

/** Without a certificate, so that whoever's first words were read is told that there is no cipher for them. */
async function aTlsServer() {
  const server = createServer();
  const clock = new FakeClock();
  beginInTurns(server, clock, silentMs);
  const connected = once(server, 'connection');
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const failed = once(server, 'tlsClientError') as Promise<[Error & { code?: string }, Socket]>;
  return { port, clock, connected, failed, [Symbol.dispose]: () => void server.close() };
}

test('a client’s first words are read as they came', async () => {
  using server = await aTlsServer();
  const client = connect({ port: server.port, host: '127.0.0.1' }).on('error', () => undefined);
  const [error] = await server.failed;
  expect(error.code).toMatch(/^ERR_SSL_NO_S/);
  client.destroy();
});

test('a client that says nothing is cut off', async () => {
  using server = await aTlsServer();
  const client = connectTcp(server.port, '127.0.0.1');
  const closed = once(client.resume(), 'close');
  await server.connected;
  await server.clock.advance(silentMs);
  const [error, socket] = await server.failed;
  expect(error.message).toBe('the client said nothing');
  expect(socket.destroyed).toBe(true);
  await closed;
});

test('a client that goes before its first word has failed its handshake', async () => {
  using server = await aTlsServer();
  const client = connectTcp(server.port, '127.0.0.1', () => client.end()).resume();
  const [error] = await server.failed;
  expect(error.code).toBe('ECONNRESET');
  await once(client, 'close');
});

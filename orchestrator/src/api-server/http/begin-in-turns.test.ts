import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { beginInTurns } from './begin-in-turns.ts';

class ASocket extends EventEmitter {
  destroyed = false;
}

function aServer() {
  const server = new EventEmitter();
  const begun: ASocket[] = [];
  server.on('connection', (socket: ASocket) => begun.push(socket));
  beginInTurns(server);
  return { server, begun };
}

test('of many connections at once a turn begins some, in their order, and each is begun once', async () => {
  const { server, begun } = aServer();
  await setImmediate();
  const sockets = Array.from({ length: 100 }, () => new ASocket());
  for (const socket of sockets) server.emit('connection', socket);
  const counts: number[] = [];
  for (let before = 0; begun.length < 100; await setImmediate()) {
    counts.push(begun.length - before);
    before = begun.length;
  }
  expect(Math.max(...counts)).toBeLessThanOrEqual(25);
  expect(begun).toEqual(sockets);
});

test('a connection that is lost while it waits is not begun, and no mistake of anyone', async () => {
  const { server, begun } = aServer();
  const sockets = Array.from({ length: 100 }, () => new ASocket());
  for (const socket of sockets) server.emit('connection', socket);
  const last = sockets.at(-1) as ASocket;
  last.emit('error', new Error('ECONNRESET'));
  last.destroyed = true;
  while (begun.length < 99) await setImmediate();
  for (let i = 0; i < 10; i++) await setImmediate();
  expect(begun).toEqual(sockets.slice(0, 99));
});

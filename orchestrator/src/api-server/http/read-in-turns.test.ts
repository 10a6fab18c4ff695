import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readInTurns } from './read-in-turns.ts';

const pieceBytes = 16 * 1024;

/** What came in of a connection: each piece, which are told apart by their first byte. */
function aConnection() {
  const read: number[] = [];
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  readInTurns(socket as Socket);
  socket.on('data', (piece: Buffer) => read.push(piece[0] as number)).on('end', () => read.push(-1));
  return { socket, read };
}

test('of what connections bring at once a turn parses some, each connection’s in its order, and its end last', async () => {
  const all = Array.from({ length: 10 }, aConnection);
  for (const { socket } of all) {
    for (let i = 0; i < 4; i++) socket.push(Buffer.alloc(pieceBytes, i));
    socket.push(null);
  }
  const count = () => all.reduce((sum, { read }) => sum + read.length, 0);
  let most = 0;
  for (let before = 0; before < 50; before = count()) {
    await setImmediate();
    most = Math.max(most, count() - before);
  }
  // Of one turn, and of the one that the check phase begins.
  expect(most).toBeLessThanOrEqual(20);
  for (const { read } of all) expect(read).toEqual([0, 1, 2, 3, -1]);
});

test('small pieces that come one by one are read as they come', async () => {
  const { socket, read } = aConnection();
  for (let i = 0; i < 5; i++) {
    expect(socket.push(Buffer.alloc(100, i))).toBe(true);
    await setImmediate();
    expect(read).toHaveLength(i + 1);
  }
});

test('what waits of a connection that is gone is not read', async () => {
  const [first, second] = [aConnection(), aConnection()];
  for (const { socket } of [first, second]) for (let i = 0; i < 8; i++) socket.push(Buffer.alloc(pieceBytes, i));
  second.socket.destroy();
  await expect.poll(() => first.read.length).toBe(8);
  expect(second.read.length).toBeLessThan(8);
});

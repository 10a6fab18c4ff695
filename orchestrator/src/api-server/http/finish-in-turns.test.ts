import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { connect, createServer } from 'node:tls';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { beginInTurns } from './begin-in-turns.ts';

const clients = 40;

async function aServer() {
  const authority = await anAuthority();
  const server = createServer(await authority.issue('CN=server', 'server'));
  beginInTurns(server, new FakeClock(), 10_000);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, port, [Symbol.dispose]: () => void server.close() };
}

/** Has the server's part of the handshake, and keeps its own answer until it is told to send it. */
async function aClient(port: number) {
  const socket = connectTcp(port, '127.0.0.1');
  let isFirst = true;
  const { promise: answer, resolve } = Promise.withResolvers<Buffer>();
  const held = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      if (isFirst) socket.write(chunk);
      else resolve(chunk);
      isFirst = false;
      done();
    },
  });
  socket.on('data', (chunk) => held.push(chunk));
  const secured = connect({ socket: held, rejectUnauthorized: false }).on('error', () => undefined);
  const bytes = await answer;
  return { send: (what = bytes) => socket.write(what), end: () => [secured, socket].map((each) => each.destroy()) };
}

test.each([
  ['answers', 'secureConnection', undefined],
  ['are no answers', 'tlsClientError', Buffer.from('\x17\x03\x03\x00\x13'.padEnd(24, 'x'), 'latin1')],
])(
  'of handshakes whose clients’ words come at once and %s a turn ends some, and all end',
  async (_what, event, words) => {
    using there = await aServer();
    const all = await Promise.all(Array.from({ length: clients }, () => aClient(there.port)));
    let ended = 0;
    there.server.on(event, () => ended++);
    for (const each of all) each.send(words);
    let most = 0;
    for (let before = 0; ended < clients; before = ended) {
      await setImmediate();
      most = Math.max(most, ended - before);
    }
    expect(most).toBeLessThanOrEqual(10);
    for (const each of all) each.end();
  },
);

test('who answers late is waited for, however many finish meanwhile', async () => {
  using there = await aServer();
  const [late, ...others] = await Promise.all(Array.from({ length: clients }, () => aClient(there.port)));
  let finished = 0;
  there.server.on('secureConnection', () => finished++);
  for (const each of others) each.send();
  while (finished < clients - 1) await setImmediate();
  late?.send();
  while (finished < clients) await setImmediate();
  for (const each of [late, ...others]) each?.end();
});

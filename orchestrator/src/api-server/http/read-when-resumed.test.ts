import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { readWhenResumed } from './read-when-resumed.ts';

/** More than the kernel takes of an answer that nobody reads. */
const large = Buffer.alloc(16 * 1024 * 1024, 'a');

/** Answers GET with much, and others with what they sent. */
async function aServer() {
  const authority = await anAuthority();
  const server = createSecureServer({ ...(await authority.issue('CN=127.0.0.1', 'server')), allowHTTP1: true });
  const refused: string[] = [];
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'HPE_PAUSED') refused.push(error.code);
    if (!readWhenResumed(error, socket)) socket.destroy(error);
  });
  server.on('request', async (request, response) => {
    const body = await buffer(request);
    response.end(request.method === 'GET' ? large : body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, port, refused, [Symbol.dispose]: () => server.close() };
}

/** A client whose records of TLS can be sent in one packet. */
async function aClient(port: number) {
  const wire = connectTcp(port, '127.0.0.1');
  let kept: Buffer[] | undefined;
  const way = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      if (kept) kept.push(chunk);
      else wire.write(chunk);
      done();
    },
  });
  wire.on('data', (chunk: Buffer) => way.push(chunk)).on('end', () => way.push(null));
  const socket = connect({ socket: way, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  const atOnce = async (records: readonly string[]) => {
    kept = [];
    for (const record of records) await new Promise((done) => socket.write(record, done));
    wire.write(Buffer.concat(kept));
    kept = undefined;
  };
  return { socket, wire, atOnce };
}

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (more = '') => `POST / HTTP/1.1\r\nHost: x\r\n${more}Content-Length: 8\r\n\r\n`;

test('requests that come in one packet with their bodies, before the answer before them is written, are read in their order', async () => {
  using served = await aServer();
  const { socket, wire, atOnce } = await aClient(served.port);
  wire.pause();
  socket.write(get);
  const [, response] = await once(served.server, 'request');
  await expect.poll(() => response.socket?.writableNeedDrain).toBe(true);
  await atOnce([post(), 'one,', 'two,', get, post('Connection: close\r\n'), 'thr', 'ee,', '4.']);
  await expect.poll(() => served.refused.length).toBeGreaterThan(0);
  wire.resume();
  const answers = (await text(socket)).split(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/).slice(1);
  expect(answers.map((body) => (body.length === large.length ? 'large' : body))).toEqual([
    'large',
    'one,two,',
    'large',
    'three,4.',
  ]);
});

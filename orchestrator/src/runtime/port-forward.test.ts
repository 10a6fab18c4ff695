import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { forwardPort } from './port-forward.ts';

async function listening(serve: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

test('all that a program says before it ends arrives, whatever it is still told', async () => {
  const said = 'x'.repeat(3_000_000);
  using program = await listening((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(said));
    socket.resume();
  });
  const connection = await forwardPort(undefined, program.port, AbortSignal.timeout(20_000));
  connection.write('go\n');
  const heard = text(connection);
  const more = setInterval(() => connection.writable && connection.write('and more\n'), 1);
  expect((await heard).length).toBe(said.length);
  clearInterval(more);
  connection.destroy();
});

test('a program hears the end of what it is told, and answers then', async () => {
  using program = await listening((socket) => {
    socket.setEncoding('utf8');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    socket.on('end', () => socket.end(`${heard.length} characters`));
  });
  const connection = await forwardPort(undefined, program.port, AbortSignal.timeout(20_000));
  connection.end('y'.repeat(1_000_000));
  expect(await text(connection)).toBe('1000000 characters');
});

test('where nothing listens, the connection is refused', async () => {
  const { port } = await listening(() => undefined).then((program) => {
    program[Symbol.dispose]();
    return program;
  });
  await expect(forwardPort(undefined, port, AbortSignal.timeout(20_000))).rejects.toThrow('ECONNREFUSED');
});

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { systemClock } from '@berth/kit';
import { ApiError, apiError } from '@berth/kube';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { NodeApi } from '../../node-api.ts';
import { channelMessage, readChannelMessage } from './channel-message.ts';
import { serveUpgrade } from './serve-upgrade.ts';
import { frameTypes } from './spdy/frame.ts';
import { SpdyTestClient } from './spdy/spdy-client.fixture.ts';

/** A container that knows a few commands. */
const node: NodeApi = {
  logs: () => Promise.reject(new Error('not here')),
  page: () => Promise.reject(new Error('not here')),
  async exec(_target, [command, argument], { stdin, stdout, stderr, resizes }, signal) {
    if (command === 'cat') for await (const chunk of stdin ?? []) stdout?.write(chunk);
    else if (command === 'line')
      for await (const chunk of stdin ?? []) {
        stdout?.write(chunk);
        if (chunk.includes('!')) break;
      }
    else if (command === 'fail') stderr?.write('no\n');
    else if (command === 'size')
      for await (const { width, height } of resizes ?? []) {
        stdout?.write(`${width}x${height}`);
        break;
      }
    else if (command === 'wait') await once(signal, 'abort').then(() => aborted.push('wait'));
    else throw apiError('NotFound', `no command ${command}`);
    return Number(argument ?? 0);
  },
  attach: () => Promise.reject(new Error('broken pipe')),
  async portForward(_target, port) {
    if (port === 1) throw new Error('connection refused');
    const [near, far] = duplexPair();
    far.pipe(far);
    return near;
  },
};
const aborted: string[] = [];

async function serve() {
  const stop = new AbortController();
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const subresource = url.pathname.slice(1) as 'exec';
    const target = { subresource, namespace: 'ns', pod: 'p', uid: 'u', container: 'c', query: url.searchParams };
    serveUpgrade({ request, socket, head, target, node, clock: systemClock, signal: stop.signal }).catch((error) => {
      const code = error instanceof ApiError ? (error.status.code ?? 500) : 500;
      socket.end(`HTTP/1.1 ${code} Refused\r\nContent-Length: 0\r\n\r\n`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    stop,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A WebSocket client; `output` has what each channel said. */
function client(url: string, protocol = 'v5.channel.k8s.io') {
  const socket = new WebSocket(url, protocol);
  const output: Record<number, string> = {};
  socket.on('message', (data: Buffer) => {
    const channel = data[0] as number;
    output[channel] = (output[channel] ?? '') + data.subarray(1).toString();
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  return { socket, output, closed, status: () => JSON.parse(output[3] ?? '{}') as Record<string, unknown> };
}

test('exec over WebSocket: stdin until its end, output, then success', async () => {
  await using server = await serve();
  const { socket, output, closed, status } = client(`${server.url}/exec?command=cat&stdin=true&stdout=true`);
  await once(socket, 'open');
  expect(socket.protocol).toBe('v5.channel.k8s.io');
  const big = Buffer.alloc(3_000_000, 'y');
  for (let at = 0; at < big.length; at += 30_000) {
    socket.send(Buffer.concat([Uint8Array.of(0), big.subarray(at, at + 30_000)]));
  }
  socket.send(Uint8Array.of(255, 0));
  expect(await closed).toBe(1000);
  expect(output[1]?.length).toBe(big.length);
  expect(status()).toEqual({ metadata: {}, status: 'Success' });
});

test('a command that fails tells its exit code in the form client-go reads', async () => {
  await using server = await serve();
  const { output, closed, status } = client(
    `${server.url}/exec?command=fail&command=3&stdout=1&stderr=1`,
    'v4.channel.k8s.io',
  );
  await closed;
  expect(output[2]).toBe('no\n');
  expect(status()).toEqual({
    metadata: {},
    status: 'Failure',
    message: 'command terminated with non-zero exit code: exit status 3',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  });
});

test.each([
  ['channel.k8s.io', false, ''],
  ['base64.channel.k8s.io', true, ''],
  ['v4.base64.channel.k8s.io', true, '{"metadata":{},"status":"Success"}'],
  [undefined, false, ''],
])('a command over %s, which older clients speak', async (protocol, isText, success) => {
  await using server = await serve();
  const run = async (query: string, end: (socket: WebSocket) => void) => {
    const socket = new WebSocket(`${server.url}/exec?stdin=1&stdout=1&stderr=1&${query}`, protocol ?? []);
    const said: Record<number, string> = {};
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      expect(isBinary).toBe(!isText);
      const { channel, content } = readChannelMessage(data, isText);
      said[channel] = (said[channel] ?? '') + content.toString();
    });
    await once(socket, 'open');
    expect(socket.protocol).toBe(protocol ?? '');
    end(socket);
    await once(socket, 'close');
    return said;
  };
  const stdin = (socket: WebSocket) => {
    socket.send(channelMessage(0, Buffer.from('hello'), isText));
    socket.send(channelMessage(0, Buffer.from('!'), isText));
  };
  expect(await run('command=line', stdin)).toEqual({ 1: 'hello!', 3: success });
  const failed = await run('command=fail&command=3', () => undefined);
  const reason = 'command terminated with non-zero exit code: exit status 3';
  expect(failed).toEqual({ 1: '', 2: 'no\n', 3: success === '' ? reason : expect.stringContaining(reason) });
});

test('what the node refuses, or breaks at, is told on the error channel', async () => {
  await using server = await serve();
  const refused = client(`${server.url}/exec?command=nope&stdout=true`);
  await refused.closed;
  expect(refused.status()).toMatchObject({ reason: 'NotFound', message: 'no command nope' });
  const broken = client(`${server.url}/attach?stdout=true`);
  await broken.closed;
  expect(broken.status()).toMatchObject({
    reason: 'InternalError',
    message: 'Internal error occurred: error attaching to container: broken pipe',
  });
});

test('terminal sizes reach the command, and a terminal has no stderr of its own', async () => {
  await using server = await serve();
  const { socket, output, closed } = client(
    `${server.url}/exec?command=size&stdin=true&stdout=true&stderr=true&tty=true`,
  );
  await once(socket, 'open');
  socket.send(Buffer.concat([Uint8Array.of(4), Buffer.from('{"Width":80,"He')]));
  socket.send(Buffer.concat([Uint8Array.of(4), Buffer.from('ight":24}')]));
  await closed;
  expect(output[1]).toBe('80x24');
});

test('a client that leaves aborts its command; a server that stops closes its connections', async () => {
  await using server = await serve();
  const leaving = client(`${server.url}/exec?command=wait&stdout=true`);
  await once(leaving.socket, 'open');
  leaving.socket.terminate();
  await expect.poll(() => aborted).toEqual(['wait']);
  const staying = client(`${server.url}/exec?command=wait&stdout=true`);
  await once(staying.socket, 'open');
  server.stop.abort();
  expect(await staying.closed).toBe(1006);
});

test.each([
  ['exec?command=cat', 'v5.channel.k8s.io', 400],
  ['exec?stdout=true', 'v5.channel.k8s.io', 400],
  ['exec?command=cat&stdout=true', 'v9.channel.k8s.io', 403],
  ['portforward', 'v5.channel.k8s.io', 403],
  ['portforward', 'v4.channel.k8s.io', 400],
  ['portforward?ports=80,0', 'v4.channel.k8s.io', 400],
  ['portforward?ports=80&ports=65536', 'v4.channel.k8s.io', 400],
  ['portforward?ports=-1', 'v4.base64.channel.k8s.io', 400],
])('%s with %s is refused with %i before the upgrade', async (path, protocol, code) => {
  await using server = await serve();
  const socket = new WebSocket(`${server.url}/${path}`, protocol);
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toContain(String(code));
});

/** A client that speaks SPDY, as kubectl before 1.30 does. */
async function spdyClient(url: string, path: string, protocol: string) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  return { socket, head: head.toString(), client: new SpdyTestClient(socket), closed: once(socket, 'close') };
}

test('exec over SPDY: streams by their type, output before the status, then the end', async () => {
  await using server = await serve();
  const path = '/exec?command=cat&command=7&stdin=true&stdout=true';
  const { head, client, closed, socket } = await spdyClient(server.url, path, 'v5.channel.k8s.io, v4.channel.k8s.io');
  expect(head).toMatch(/^HTTP\/1.1 101 [\s\S]*X-Stream-Protocol-Version: v4.channel.k8s.io\r\n/);
  await client.open(1, { streamType: 'error' });
  await client.open(3, { streamType: 'stdin' });
  await client.open(5, { streamType: 'stdout' });
  client.send(3, 'hello', true);
  await expect.poll(() => client.ended(1)).toBe(true);
  expect(client.text(5)).toBe('hello');
  expect(JSON.parse(client.text(1))).toMatchObject({ details: { causes: [{ reason: 'ExitCode', message: '7' }] } });
  expect(client.control(frameTypes.goAway).length).toBe(1);
  socket.end();
  await closed;
});

test('before v4 the error stream says success by silence', async () => {
  await using server = await serve();
  const { client, socket } = await spdyClient(server.url, '/exec?command=fail&stderr=true', 'v2.channel.k8s.io');
  await client.open(1, { streamType: 'error' });
  await client.open(3, { streamType: 'stderr' });
  await expect.poll(() => client.ended(1)).toBe(true);
  expect([client.text(1), client.text(3)]).toEqual(['', 'no\n']);
  socket.destroy();
});

test('port-forward pairs streams by request and tells a failed connection on the error stream', async () => {
  await using server = await serve();
  const { client, socket } = await spdyClient(server.url, '/portforward', 'portforward.k8s.io');
  await client.open(1, { streamType: 'error', port: '80', requestID: '0' });
  await client.open(3, { streamType: 'error', port: '1', requestID: '1' });
  await client.open(5, { streamType: 'data', port: '1', requestID: '1' });
  await client.open(7, { streamType: 'data', port: '80', requestID: '0' });
  client.send(7, 'echo me', true);
  await expect.poll(() => client.ended(7)).toBe(true);
  expect(client.text(7)).toBe('echo me');
  await expect.poll(() => client.ended(3)).toBe(true);
  expect(client.text(3)).toBe('error forwarding port 1 to pod p, uid u: connection refused');
  expect(client.text(1)).toBe('');
  socket.destroy();
});

test.each([
  ['v4.channel.k8s.io', (channel: number, text: string) => Buffer.concat([Uint8Array.of(channel), Buffer.from(text)])],
  ['v4.base64.channel.k8s.io', (channel: number, text: string) => `${channel}${Buffer.from(text).toString('base64')}`],
  [undefined, (channel: number, text: string) => Buffer.concat([Uint8Array.of(channel), Buffer.from(text)])],
])('port-forward over %s has a channel for data and one for errors, for each port', async (protocol, message) => {
  await using server = await serve();
  const socket = new WebSocket(`${server.url}/portforward?ports=80,1&ports=258`, protocol ?? []);
  const said: Record<number, Buffer> = {};
  socket.on('message', (data: Buffer) => {
    const isText = protocol?.includes('base64');
    const number = isText ? Number(data.toString('latin1', 0, 1)) : (data[0] as number);
    const content = isText ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1);
    said[number] = Buffer.concat([said[number] ?? Buffer.alloc(0), content]);
  });
  await once(socket, 'open');
  expect(socket.protocol).toBe(protocol ?? '');
  for (const junk of [message(9, 'none'), message(1, 'errors take nothing'), Buffer.alloc(0)]) socket.send(junk);
  socket.send(message(0, 'echo me'));
  socket.send(message(4, 'x'.repeat(1_000_000)));
  await expect.poll(() => said[0]?.toString('latin1')).toBe('\x50\x00echo me');
  await expect.poll(() => said[4]?.length).toBe(1_000_002);
  expect(said[4]?.subarray(0, 2)).toEqual(Buffer.from([2, 1]));
  expect([said[1], said[2]]).toEqual([Buffer.from([80, 0]), Buffer.from([1, 0])]);
  expect(said[3]?.toString('latin1')).toBe('\x01\x00error forwarding port 1 to pod p, uid u: connection refused');
  socket.close();
  await once(socket, 'close');
});

test('port-forward over channels ends once no connection is left', async () => {
  await using server = await serve();
  const socket = new WebSocket(`${server.url}/portforward?ports=1`, 'v4.channel.k8s.io');
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(1005);
});

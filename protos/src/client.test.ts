import { randomUUID } from 'node:crypto';
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer as createPlainServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { GrpcConnection } from './client.ts';
import { csiIdentity, csiSnapshotMetadata } from './csi.ts';
import { grpcError } from './grpc-error.ts';
import { GrpcServer } from './server.ts';
import { framed, MessageReader, unescapeMessage } from './wire.ts';

const anEndpoint = () => `unix://${join(tmpdir(), `berth-client-${randomUUID()}.sock`)}`;

/** An HTTP/2 server that is no gRPC server of ours: `answer` has each stream, `begin` each connection. */
async function aServer(
  answer: (stream: ServerHttp2Stream) => void,
  begin: (session: ServerHttp2Session) => void = () => undefined,
) {
  const endpoint = anEndpoint();
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session.on('error', () => undefined));
    begin(session);
  });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(endpoint.replace('unix://', ''), resolve));
  return {
    endpoint,
    sessions,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A whole answer with the trailers that end it. */
function respond(
  stream: ServerHttp2Stream,
  body: Buffer,
  trailers: Record<string, string> = { 'grpc-status': '0' },
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

const ready = framed(csiIdentity.definition['Probe']!.responseSerialize({ ready: { value: true } }));
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a connection that ended is made anew for the next call', async () => {
  const endpoint = anEndpoint();
  using connection = new GrpcConnection(endpoint);
  const identity = connection.service(csiIdentity);
  expect(await connection.ready(1000)).toBe(false);
  expect(await failureOf(identity.Probe({}))).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^No connection established\. Last error: Error: connect ENOENT /),
  });
  for (let life = 0; life < 2; life++) {
    await using server = new GrpcServer().add(csiIdentity, { Probe: async () => ({ ready: { value: true } }) });
    await server.listen(endpoint.replace('unix://', 'unix:'));
    await expect.poll(() => failureOf(identity.Probe({}))).toBeUndefined();
    expect(await connection.ready(1000)).toBe(true);
  }
});

test('what a server refuses with comes whole: code, words and details', async () => {
  const details = { 'grpc-status': '9', 'grpc-message': '100%25 d%C3%A9j%C3%A0 vu', 'grpc-status-details-bin': 'CAk' };
  await using server = await aServer((stream) => respond(stream, Buffer.alloc(0), details));
  using connection = new GrpcConnection(server.endpoint);
  expect(await failureOf(connection.service(csiIdentity).Probe({}))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: '100% déjà vu',
    cause: { 'grpc-status-details-bin': 'CAk' },
  });
});

test.each([
  [
    'only headers',
    (s: ServerHttp2Stream) => s.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
    'NOT_FOUND',
  ],
  ['no status', (s: ServerHttp2Stream) => respond(s, ready, {}), 'INTERNAL'],
  ['no message', (s: ServerHttp2Stream) => respond(s, Buffer.alloc(0)), 'INTERNAL'],
  ['a compressed message', (s: ServerHttp2Stream) => respond(s, Buffer.from([1, 0, 0, 0, 1, 0])), 'INTERNAL'],
  ['what is no message', (s: ServerHttp2Stream) => respond(s, framed(Buffer.from([0xff]))), 'INTERNAL'],
  ['a code that is none', (s: ServerHttp2Stream) => respond(s, ready, { 'grpc-status': '99' }), 'UNKNOWN'],
  ['HTTP 503', (s: ServerHttp2Stream) => s.respond({ ':status': 503 }, { endStream: true }), 'UNAVAILABLE'],
  ['HTTP 404', (s: ServerHttp2Stream) => s.respond({ ':status': 404 }, { endStream: true }), 'UNIMPLEMENTED'],
  ['a reset', (s: ServerHttp2Stream) => s.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), 'RESOURCE_EXHAUSTED'],
  ['the end of the connection', (s: ServerHttp2Stream) => s.session?.destroy(), 'UNAVAILABLE'],
] as const)('an answer that is %s', async (_, answer, code) => {
  await using server = await aServer((stream) => void answer(stream));
  using connection = new GrpcConnection(server.endpoint);
  const error = await failureOf(connection.service(csiIdentity).Probe({}));
  expect(error).toMatchObject({ code });
  expect(String(error)).not.toContain('No connection');
});

test('what was certainly not carried out says so: the stream was refused', async () => {
  await using server = await aServer((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  using connection = new GrpcConnection(server.endpoint);
  expect(await failureOf(connection.service(csiIdentity).Probe({}))).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^No connection established/),
  });
});

test('after a goodbye calls go on by another connection, and those under way end on theirs', async () => {
  const held: ServerHttp2Stream[] = [];
  await using server = await aServer((stream) => {
    if (held.push(stream) > 1) respond(stream, ready);
  });
  using connection = new GrpcConnection(server.endpoint);
  const identity = connection.service(csiIdentity);
  const first = identity.Probe({});
  await expect.poll(() => held.length).toBe(1);
  const [session] = server.sessions;
  session?.goaway(constants.NGHTTP2_NO_ERROR);
  await expect.poll(async () => (await failureOf(identity.Probe({}))) ?? server.sessions.size).toBe(2);
  respond(held[0] as ServerHttp2Stream, ready);
  expect(await first).toEqual({ ready: { value: true } });
});

test('a deadline goes with the call, and ends it here and there', async () => {
  const clock = new FakeClock();
  let told: unknown;
  let isReset = false;
  await using server = await aServer((stream) => stream.on('close', () => (isReset = true)));
  using connection = new GrpcConnection(server.endpoint, { clock, metadata: { hasleader: 'true' } });
  await connection.ready(1000);
  const [session] = server.sessions;
  session?.on('stream', (_, headers) => (told = [headers['grpc-timeout'], headers['hasleader'], headers['te']]));
  const call = failureOf(connection.service(csiIdentity).Probe({}, { timeoutMs: 1500 }));
  await expect.poll(() => told).toEqual(['1500m', 'true', 'trailers']);
  await clock.advance(1500);
  expect(await call).toMatchObject({ code: 'DEADLINE_EXCEEDED', message: 'Deadline exceeded after 1.5 s' });
  await expect.poll(() => isReset).toBe(true);
});

test('a deadline holds while nothing answers at all, and a signal ends a call at any time', async () => {
  const clock = new FakeClock();
  const endpoint = anEndpoint();
  const silent = createPlainServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(endpoint.replace('unix://', ''), resolve));
  using connection = new GrpcConnection(endpoint, { clock });
  const identity = connection.service(csiIdentity);
  const late = failureOf(identity.Probe({}, { timeoutMs: 1000 }));
  const leaving = new AbortController();
  const left = failureOf(identity.Probe({}, { signal: leaving.signal }));
  const isReady = connection.ready(2000);
  leaving.abort();
  expect(await left).toMatchObject({ code: 'CANCELLED' });
  expect(await failureOf(identity.Probe({}, { signal: leaving.signal }))).toMatchObject({ code: 'CANCELLED' });
  await clock.advance(1000);
  expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  const waiting = failureOf(identity.Probe({}));
  await clock.advance(1000);
  expect(await isReady).toBe(false);
  await clock.advance(3000);
  expect(await waiting).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('no answer within 5 s'),
  });
  silent.close();
});

test('a side that is asked whether it is there and does not say so is left, and nobody asks without a call', async () => {
  const clock = new FakeClock();
  let pings = 0;
  let calls = 0;
  const begin = (session: ServerHttp2Session) => session.on('ping', () => pings++);
  await using server = await aServer((stream) => {
    // The first is never answered.
    if (++calls > 1) respond(stream, ready);
  }, begin);
  const ways: Socket[] = [];
  const way = createPlainServer((near) => {
    const far = connect(server.endpoint.replace('unix://', ''));
    ways.push(
      near.on('error', () => far.destroy()),
      far.on('error', () => near.destroy()),
    );
    near.pipe(far).pipe(near);
  });
  const endpoint = anEndpoint();
  await new Promise<void>((resolve) => way.listen(endpoint.replace('unix://', ''), resolve));
  using connection = new GrpcConnection(endpoint, { clock, keepalive: { everyMs: 10_000, timeoutMs: 5_000 } });
  await connection.ready(1000);
  await clock.advance(60_000);
  expect(pings).toBe(0);
  const identity = connection.service(csiIdentity);
  const call = failureOf(identity.Probe({}));
  await expect.poll(() => calls).toBe(1);
  for (let asked = 1; asked < 3; asked++) {
    await clock.advance(10_000);
    await expect.poll(() => pings).toBe(asked);
    // The answer to a call comes behind that to the ping.
    await identity.Probe({});
  }
  for (const socket of ways) socket.unpipe();
  await clock.advance(15_000);
  expect(await call).toMatchObject({ code: 'UNAVAILABLE', message: 'Connection dropped' });
  for (const socket of ways) socket.destroy();
  way.close();
});

test('a stream waits for whoever reads it, tells its failure at its end, and ends where it is left', async () => {
  const endpoint = anEndpoint();
  const blockMetadata = Array.from({ length: 1000 }, (_, i) => ({
    byteOffset: String(2 ** 40 + i),
    sizeBytes: '4096',
  }));
  let sent = 0;
  let isLeft = false;
  await using server = new GrpcServer().add(csiSnapshotMetadata, {
    async *GetMetadataAllocated({ maxResults }, { signal }) {
      signal.addEventListener('abort', () => (isLeft = true));
      for (sent = 0; sent < maxResults; sent++) yield { volumeCapacityBytes: String(sent), blockMetadata };
      throw grpcError('DATA_LOSS', 'no more');
    },
  });
  await server.listen(endpoint.replace('unix://', 'unix:'));
  using connection = new GrpcConnection(endpoint);
  const { GetMetadataAllocated } = connection.service(csiSnapshotMetadata);
  const found: string[] = [];
  const all = (async () => {
    for await (const { volumeCapacityBytes } of GetMetadataAllocated({ maxResults: 100 }))
      found.push(volumeCapacityBytes);
  })();
  expect(await failureOf(all)).toMatchObject({ code: 'DATA_LOSS', message: 'no more' });
  expect(found).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  for await (const _ of GetMetadataAllocated({ maxResults: 100_000 })) {
    let before = 0;
    const goesOn = () => {
      const was = before;
      before = sent;
      return was !== sent;
    };
    await expect.poll(goesOn, { interval: 200, timeout: 20_000 }).toBe(false);
    break;
  }
  await expect.poll(() => isLeft, { timeout: 10_000 }).toBe(true);
  // As much as fits a window and the buffers on both sides, of 1.3 GB.
  expect(sent).toBeLessThan(2000);
}, 60_000);

test('messages are cut out of a stream however it is cut', () => {
  const messages = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(70_000, 'b'), Buffer.from('c')];
  const all = Buffer.concat(messages.map(framed));
  for (const size of [1, 4, 5, 6, 7, 16_384, all.length]) {
    const reader = new MessageReader();
    const found: Buffer[] = [];
    for (let at = 0; at < all.length; at += size) found.push(...reader.take(all.subarray(at, at + size)));
    expect(found.map(String)).toEqual(messages.map(String));
  }
});

test('a message that is not percent-encoded is taken as it is', () => {
  expect(unescapeMessage('a%20b')).toBe('a b');
  expect(unescapeMessage('100% full')).toBe('100% full');
});

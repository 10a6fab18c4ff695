import { duplexPair } from 'node:stream';
import { constants, createDeflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spdyDictionary } from './dictionary.ts';
import { controlFrame, dataFrames, type Frame, FrameReader, finFlag, frameTypes, numbers } from './frame.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

function block(headers: Record<string, string>): Buffer {
  const sized = (text: string) => Buffer.concat([numbers(Buffer.byteLength(text)), Buffer.from(text)]);
  const entries = Object.entries(headers);
  return Buffer.concat([numbers(entries.length), ...entries.flatMap(([name, value]) => [sized(name), sized(value)])]);
}

/** Compresses header blocks as a client does: one state for the whole connection. */
function compressor() {
  const deflate = createDeflate({ dictionary: spdyDictionary });
  return (headers: Record<string, string>) =>
    new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
      deflate.write(block(headers), () =>
        deflate.flush(constants.Z_SYNC_FLUSH, () => {
          deflate.removeAllListeners('data');
          resolve(Buffer.concat(chunks));
        }),
      );
    });
}

/** A client on an in-memory connection; `frames` is what the server sent. */
function connect(onStream: (stream: SpdyStream) => void) {
  const [client, server] = duplexPair();
  const connection = new SpdyConnection(server, onStream);
  const serving = connection.serve();
  const frames: Frame[] = [];
  const reader = new FrameReader();
  client.on('data', (chunk: Buffer) => frames.push(...reader.push(chunk)));
  client.on('error', () => undefined);
  const compress = compressor();
  const open = async (id: number, headers: Record<string, string>, flags = 0) => {
    const payload = Buffer.concat([numbers(id, 0), Buffer.alloc(2), await compress(headers)]);
    client.write(controlFrame(frameTypes.synStream, payload, flags));
  };
  const kinds = (kind: number) => frames.filter((frame) => frame.type === 'control' && frame.kind === kind);
  return { client, connection, serving, frames, open, kinds };
}

test('the dictionary is the one of SPDY/3', () => {
  // zlib names the dictionary of a stream by its checksum: bytes 2 to 5.
  const id = deflateSync('x', { dictionary: spdyDictionary }).readUInt32BE(2);
  expect([spdyDictionary.length, id.toString(16)]).toEqual([1423, 'e3c6a7c2']);
});

test('frames survive any cutting of the byte stream', () => {
  const bytes = Buffer.concat([
    controlFrame(frameTypes.ping, numbers(1)),
    dataFrames(1, Buffer.from('hello'), false),
    dataFrames(3, Buffer.alloc(0), true),
    controlFrame(frameTypes.rstStream, numbers(1, 5), finFlag),
  ]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
      const reader = new FrameReader();
      const frames: Frame[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] as number;
        frames.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      const data = frames.flatMap((frame) => (frame.type === 'data' && frame.streamId === 1 ? [frame.data] : []));
      expect(Buffer.concat(data).toString()).toBe('hello');
      expect(frames.filter((frame) => frame.type === 'data' && frame.fin)).toMatchObject([{ streamId: 3 }]);
      const controls = frames.filter((frame) => frame.type === 'control');
      expect(controls).toMatchObject([{ kind: frameTypes.ping }, { kind: frameTypes.rstStream, flags: finFlag }]);
    }),
  );
});

test('header blocks are read in the order of their connection, and what is written can be read', async () => {
  using reader = new HeaderReader();
  const compress = compressor();
  for (const headers of [{ streamType: 'error' }, { streamType: 'data', Port: '80' }, {}]) {
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    expect(await reader.read(await compress(headers))).toEqual(lower);
  }
  using own = new HeaderReader();
  const writer = new HeaderWriter();
  expect(await own.read(writer.write({ a: 'b' }))).toEqual({ a: 'b' });
  expect(await own.read(writer.write({ cd: 'ef', g: '' }))).toEqual({ cd: 'ef', g: '' });
});

test('a small block that unfolds to a large one is refused', async () => {
  using reader = new HeaderReader();
  await expect(reader.read(await compressor()({ a: 'x'.repeat(200_000) }))).rejects.toThrow('headers are too large');
});

test('a stream carries bytes both ways and ends on each side by itself', async () => {
  const streams: SpdyStream[] = [];
  const { client, frames, open, kinds, connection, serving } = connect((stream) => streams.push(stream));
  await open(1, { streamType: 'data' });
  client.write(dataFrames(1, Buffer.from('ping'), true));
  await expect.poll(() => streams.length).toBe(1);
  const [stream] = streams as [SpdyStream];
  expect(stream.headers['streamtype']).toBe('data');
  const received: Buffer[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) received.push(chunk as Buffer);
  expect(Buffer.concat(received).toString()).toBe('ping');
  stream.end('pong');
  await expect.poll(() => frames.some((frame) => frame.type === 'data' && frame.fin)).toBe(true);
  expect(kinds(frameTypes.synReply).length).toBe(1);
  expect(kinds(frameTypes.rstStream).length).toBe(0);
  connection.close();
  client.end();
  await serving;
});

test('a slow reader holds the sender back, and gets everything', async () => {
  const streams: SpdyStream[] = [];
  const { client, open, connection, serving } = connect((stream) => streams.push(stream));
  await open(1, {});
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  do sent++;
  while (client.write(dataFrames(1, chunk, false)) && sent < 90);
  await expect.poll(() => streams.length).toBe(1);
  const filling = async () => {
    while (sent < 100) {
      if (!client.write(dataFrames(1, chunk, ++sent === 100)))
        await new Promise((resolve) => client.once('drain', resolve));
    }
  };
  const filled = filling();
  let length = 0;
  for await (const piece of streams[0] as SpdyStream) length += (piece as Buffer).length;
  await filled;
  expect(length).toBe(100 * chunk.length);
  connection.close();
  client.end();
  await serving;
});

test('pings come back, a reset closes one stream, a broken rule the connection', async () => {
  const streams: SpdyStream[] = [];
  const { client, kinds, open, serving } = connect((stream) => streams.push(stream));
  client.write(controlFrame(frameTypes.ping, numbers(7)));
  await expect.poll(() => kinds(frameTypes.ping).length).toBe(1);
  await open(1, {});
  await open(3, {});
  await expect.poll(() => streams.length).toBe(2);
  client.write(controlFrame(frameTypes.rstStream, numbers(1, 5)));
  await expect.poll(() => streams[0]?.destroyed).toBe(true);
  expect(streams[1]?.destroyed).toBe(false);
  await open(2, {});
  await serving;
  expect(streams[1]?.destroyed).toBe(true);
  await expect.poll(() => kinds(frameTypes.goAway).length).toBe(1);
});

test('bytes that are no SPDY end the connection without a crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 64 }), async (bytes) => {
      const { client, serving } = connect((stream) => stream.destroy());
      client.write(Buffer.from(bytes));
      client.end();
      await serving;
    }),
    { numRuns: 50 },
  );
});

import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { deflateSync } from 'node:zlib';
import { settle } from '@berth/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spdyDictionary } from './dictionary.ts';
import { controlFrame, dataFrames, type Frame, FrameReader, finFlag, frameTypes, numbers } from './frame.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { headerCompressor, SpdyTestClient } from './spdy-client.fixture.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

/** A client on an in-memory connection to a server. */
function connect(onStream: (stream: SpdyStream) => void) {
  const [near, far] = duplexPair();
  const connection = new SpdyConnection(far, onStream);
  const serving = connection.serve();
  const client = new SpdyTestClient(near);
  const end = async () => {
    connection.close();
    near.end();
    await serving;
  };
  return { near, client, serving, end };
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
  const compress = headerCompressor();
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
  await expect(reader.read(await headerCompressor()({ a: 'x'.repeat(200_000) }))).rejects.toThrow(
    'headers are too large',
  );
});

test('a stream carries bytes both ways and ends on each side by itself', async () => {
  const streams: SpdyStream[] = [];
  const { client, end } = connect((stream) => streams.push(stream));
  await client.open(1, { streamType: 'data' });
  client.send(1, 'ping', true);
  await expect.poll(() => streams.length).toBe(1);
  const [stream] = streams as [SpdyStream];
  expect(stream.headers['streamtype']).toBe('data');
  const received: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => received.push(chunk));
  await once(stream, 'end');
  expect(Buffer.concat(received).toString()).toBe('ping');
  stream.end('pong');
  await expect.poll(() => client.ended(1)).toBe(true);
  expect(client.text(1)).toBe('pong');
  expect(client.control(frameTypes.synReply).length).toBe(1);
  expect(client.control(frameTypes.rstStream).length).toBe(0);
  await end();
});

test('a reader that iterates to the end does not reset the stream', async () => {
  const streams: SpdyStream[] = [];
  const { client, end } = connect((stream) => streams.push(stream));
  await client.open(1, {});
  client.send(1, 'all', true);
  await expect.poll(() => streams.length).toBe(1);
  for await (const chunk of streams[0] as SpdyStream) expect(String(chunk)).toBe('all');
  await expect.poll(() => client.ended(1)).toBe(true);
  expect(client.control(frameTypes.rstStream).length).toBe(0);
  await end();
});

test('a slow reader holds the sender back, and gets everything', async () => {
  const streams: SpdyStream[] = [];
  const { near, client, end } = connect((stream) => streams.push(stream));
  await client.open(1, {});
  await expect.poll(() => streams.length).toBe(1);
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const count = 100;
  let sent = 0;
  const filling = (async () => {
    while (sent < count) {
      sent++;
      if (!near.write(dataFrames(1, chunk, sent === count))) await once(near, 'drain');
    }
  })();
  await settle();
  expect(sent).toBeLessThan(count / 2);
  let length = 0;
  for await (const piece of streams[0] as SpdyStream) length += (piece as Buffer).length;
  await filling;
  expect(length).toBe(count * chunk.length);
  await end();
});

test('pings come back, a reset closes one stream, a broken rule the connection', async () => {
  const streams: SpdyStream[] = [];
  const { near, client, serving } = connect((stream) => streams.push(stream));
  near.write(controlFrame(frameTypes.ping, numbers(7)));
  await expect.poll(() => client.control(frameTypes.ping).length).toBe(1);
  await client.open(1, {});
  await client.open(3, {});
  await expect.poll(() => streams.length).toBe(2);
  near.write(controlFrame(frameTypes.rstStream, numbers(1, 5)));
  await expect.poll(() => streams[0]?.destroyed).toBe(true);
  expect(streams[1]?.destroyed).toBe(false);
  await client.open(2, {});
  await serving;
  expect(streams[1]?.destroyed).toBe(true);
  await expect.poll(() => client.control(frameTypes.goAway).length).toBe(1);
});

test('bytes that are no SPDY end the connection without a crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 64 }), async (bytes) => {
      const { near, serving } = connect((stream) => stream.destroy());
      near.write(Buffer.from(bytes));
      near.end();
      await serving;
    }),
    { numRuns: 50 },
  );
});

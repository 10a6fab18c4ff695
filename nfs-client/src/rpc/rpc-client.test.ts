import { setTimeout as realSleep } from 'node:timers/promises';
import { FakeClock, silentLogger, systemClock, systemRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { type ReceivedCall, ScriptedServer } from '../testing/scripted-server.ts';
import { authNone } from './credentials.ts';
import { RpcClient, type RpcClientOptions } from './rpc-client.ts';

const signal = new AbortController().signal;

function clientOf(port: number, options: Partial<RpcClientOptions> = {}): RpcClient {
  const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
  return new RpcClient({ host: '127.0.0.1', port, timeoutMs: 20_000, stallMs: 20_000, ...injected, ...options });
}

/** A procedure that answers the number it was given. */
function echo(client: RpcClient, value: number, options: { signal?: AbortSignal; replyBytes?: number } = {}) {
  const call = {
    ...{ program: 7, version: 1, procedure: 1, name: 'ECHO', credential: authNone },
    ...(options.replyBytes === undefined ? {} : { replyBytes: options.replyBytes }),
    encode: (writer: { u32(value: number): unknown }) => void writer.u32(value),
  };
  const decoded = client.call(call, options.signal ?? signal);
  return decoded.then(({ results, resent }) => ({ value: results.u32(), resent }));
}

const answer = (call: ReceivedCall) => {
  const value = call.args.u32();
  call.reply((writer) => writer.u32(value));
};

test('replies in any order find their calls on one connection', async () => {
  const held: ReceivedCall[] = [];
  await using server = await ScriptedServer.start((call) => {
    held.push(call);
    if (held.length === 50) for (const each of held.toReversed()) answer(each);
  });
  await using client = clientOf(server.port);
  const values = await Promise.all(Array.from({ length: 50 }, (_, i) => echo(client, i)));
  expect(values.map(({ value }) => value)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(server.connections).toBe(1);
});

test('a lost reply is asked for again over a new connection with the same xid from the same port', async () => {
  await using server = await ScriptedServer.start((call) => call.connection > 1 && answer(call));
  const clock = new FakeClock();
  await using client = clientOf(server.port, { clock, stallMs: 2000 });
  const answered = echo(client, 42);
  await expect.poll(() => server.calls.length).toBe(1);
  // The stall, and the wait before the next connection.
  await clock.advance(2000);
  await clock.advance(100);
  expect(await answered).toEqual({ value: 42, resent: true });
  const [first, second] = server.calls;
  expect(second?.xid).toBe(first?.xid);
  expect(second?.peerPort).toBe(first?.peerPort);
  expect([first?.connection, second?.connection]).toEqual([1, 2]);
});

test('a connection cut in the middle of a reply repeats every open call, and no answered one', async () => {
  await using server = await ScriptedServer.start((call) => {
    if (call.connection > 1 || call.number === 1) return answer(call);
    if (call.number < 4) return;
    call.socket.write(call.bytes((writer) => writer.u32(1)).subarray(0, 17));
    setImmediate(() => call.socket.destroy());
  });
  await using client = clientOf(server.port);
  expect(await echo(client, 1)).toEqual({ value: 1, resent: false });
  const values = await Promise.all([2, 3, 4].map((value) => echo(client, value)));
  expect(values).toEqual([2, 3, 4].map((value) => ({ value, resent: true })));
  expect(server.calls.map(({ connection }) => connection)).toEqual([1, 1, 1, 1, 2, 2, 2]);
});

test('a second reply to the same call is dropped', async () => {
  await using server = await ScriptedServer.start((call) => {
    const value = call.args.u32();
    for (let i = 0; i < 3; i++) call.reply((writer) => writer.u32(value));
  });
  await using client = clientOf(server.port);
  for (const value of [1, 2, 3]) expect((await echo(client, value)).value).toBe(value);
  expect(server.connections).toBe(1);
});

test('a reply in crumbs and fragments is put together', async () => {
  await using server = await ScriptedServer.start(async (call) => {
    const whole = call.bytes((writer) => writer.u32(99)).subarray(4);
    for (const [at, byte] of whole.entries()) {
      call.socket.write(Buffer.from([at === whole.length - 1 ? 0x80 : 0, 0, 0, 1, byte]));
      if (at % 8 === 0) await realSleep(1);
    }
  });
  await using client = clientOf(server.port);
  expect((await echo(client, 0)).value).toBe(99);
});

test('a call waits for a server that restarts', async () => {
  const server = await ScriptedServer.start(answer);
  const { port } = server;
  await using client = clientOf(port);
  await echo(client, 1);
  await server[Symbol.asyncDispose]();
  const waiting = echo(client, 2);
  await realSleep(120);
  await using _again = await ScriptedServer.start(answer, port);
  expect((await waiting).value).toBe(2);
});

test('a server that never answers is TIMEDOUT at the deadline, however often it was asked', async () => {
  await using server = await ScriptedServer.start(() => undefined);
  const clock = new FakeClock();
  await using client = clientOf(server.port, { clock, timeoutMs: 3000, stallMs: 600 });
  const outcome = expect(echo(client, 1)).rejects.toMatchObject({ code: 'TIMEDOUT' });
  for (let asked = 1; asked < 4; asked++) {
    await expect.poll(() => server.calls.length).toBe(asked);
    // Stalled, and the wait before the next connection.
    await clock.advance(600);
    await clock.advance(250);
  }
  await clock.advance(450);
  await outcome;
  expect(new Set(server.calls.map(({ xid }) => xid)).size).toBe(1);
});

test('nobody listening is UNAVAILABLE at once, and names the address', async () => {
  const server = await ScriptedServer.start(answer);
  const { port } = server;
  await server[Symbol.asyncDispose]();
  await using client = clientOf(port);
  const message = expect.stringContaining(`127.0.0.1:${port}`);
  await expect(echo(client, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE', message });
});

test('an aborted call rejects with the reason; its late reply disturbs nobody', async () => {
  const held: ReceivedCall[] = [];
  await using server = await ScriptedServer.start((call) => (held.length === 0 ? held.push(call) : answer(call)));
  await using client = clientOf(server.port);
  const stop = new AbortController();
  const first = echo(client, 1, { signal: stop.signal });
  while (held.length === 0) await realSleep(1);
  stop.abort(new Error('enough'));
  await expect(first).rejects.toThrow('enough');
  answer(held[0] as ReceivedCall);
  expect((await echo(client, 2)).value).toBe(2);
  expect(server.connections).toBe(1);
});

test('calls wait while the bytes of those under way fill the budget', async () => {
  let open = 0;
  let most = 0;
  await using server = await ScriptedServer.start(async (call) => {
    open += 1;
    most = Math.max(most, open);
    await realSleep(2);
    open -= 1;
    answer(call);
  });
  await using client = clientOf(server.port, { maxInFlightBytes: 400_000 });
  await Promise.all(Array.from({ length: 20 }, (_, i) => echo(client, i, { replyBytes: 100_000 })));
  expect(most).toBe(3);
});

test.each([
  ['a record longer than allowed', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['a record too short for an xid', Buffer.from([0x80, 0, 0, 2, 1, 1])],
])('%s fails all open calls with BAD_REPLY', async (_name, bytes) => {
  await using server = await ScriptedServer.start((call) => call.socket.write(bytes));
  await using client = clientOf(server.port);
  const results = await Promise.allSettled([echo(client, 1), echo(client, 2)]);
  for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'BAD_REPLY' } });
});

const rejections: readonly [string, readonly number[], string][] = [
  ['a call where a reply should be', [0], 'BAD_REPLY'],
  ['an unknown reply_stat', [1, 9], 'BAD_REPLY'],
  ['an unknown program', [1, 0, 0, 0, 1], 'PROG_UNAVAIL'],
  ['another version', [1, 0, 0, 0, 2, 3, 4], 'PROG_MISMATCH'],
  ['an unknown procedure', [1, 0, 0, 0, 3], 'PROC_UNAVAIL'],
  ['arguments not understood', [1, 0, 0, 0, 4], 'GARBAGE_ARGS'],
  ['a server at its end', [1, 0, 0, 0, 5], 'SYSTEM_ERR'],
  ['an unknown accept_stat', [1, 0, 0, 0, 6], 'BAD_REPLY'],
  ['a verifier of a gigabyte', [1, 0, 0, 0x4000_0000], 'BAD_REPLY'],
  ['another RPC version', [1, 1, 0, 3, 3], 'RPC_MISMATCH'],
  ['a refused credential', [1, 1, 1, 5], 'AUTH_ERROR'],
];

test.each(rejections)('a reply with %s fails that call alone', async (_name, words, code) => {
  await using server = await ScriptedServer.start((call) => {
    if (call.number > 1) return answer(call);
    const body = Buffer.alloc(4 + 4 + words.length * 4);
    body.writeUInt32BE((0x8000_0000 | (body.length - 4)) >>> 0, 0);
    body.writeUInt32BE(call.xid, 4);
    for (const [at, word] of words.entries()) body.writeUInt32BE(word, 8 + at * 4);
    call.socket.write(body);
  });
  await using client = clientOf(server.port);
  await expect(echo(client, 1)).rejects.toMatchObject({ code });
  expect((await echo(client, 2)).value).toBe(2);
  expect(server.connections).toBe(1);
});

test('disposing rejects what is open with CLOSED and leaves no connection', async () => {
  await using server = await ScriptedServer.start(() => undefined);
  const client = clientOf(server.port);
  const open = echo(client, 1);
  while (server.calls.length === 0) await realSleep(1);
  await Promise.all([expect(open).rejects.toMatchObject({ code: 'CLOSED' }), client[Symbol.asyncDispose]()]);
  await expect(echo(client, 2)).rejects.toMatchObject({ code: 'CLOSED' });
  while (server.openConnections > 0) await realSleep(1);
});

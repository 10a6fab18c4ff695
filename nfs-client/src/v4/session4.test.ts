import { setTimeout as realSleep } from 'node:timers/promises';
import { type Clock, FakeClock, silentLogger, systemClock, systemRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { statusNumber } from '../nfs-status.ts';
import { nfsHandle } from '../protocol/nfs-handle.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { type ReceivedCompound, ScriptedNfs4 } from '../testing/scripted-nfs4.ts';
import { commit } from './data-operations.ts';
import { OpenState4 } from './open-state.ts';
import { Session4 } from './session4.ts';
import type { Stateid } from './stateid.ts';
import { putRootFh } from './tree-operations.ts';

const signal = new AbortController().signal;
const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
const putRootFhNumber = 24;

function sessionOf(nfs: ScriptedNfs4, { clock = systemClock as Clock, stallMs = 20_000 } = {}) {
  const timeoutMs = 20_000;
  const rpc = new RpcClient({ host: '127.0.0.1', port: nfs.server.port, timeoutMs, stallMs, ...injected, clock });
  const retry = { clock, rng: systemRng, timeoutMs };
  const session = new Session4({ rpc, identity: { uid: 0, gid: 0 }, minorVersion: 1, retry, ...injected });
  const close = async () => {
    await session[Symbol.asyncDispose]();
    await rpc[Symbol.asyncDispose]();
  };
  return { session, [Symbol.asyncDispose]: close };
}

const ok = (compound: ReceivedCompound) =>
  compound.reply({ count: 1, write: (writer) => writer.u32(putRootFhNumber).u32(0) });
const fails = (compound: ReceivedCompound, name: Parameters<typeof statusNumber>[0], operation = putRootFhNumber) =>
  compound.reply({
    ...{ count: 1, status: statusNumber(name) },
    write: (writer) => writer.u32(operation).u32(statusNumber(name)),
  });
const slots = (nfs: ScriptedNfs4) => nfs.compounds.map(({ session, slot, sequence }) => [session, slot, sequence]);

test('each request takes the next sequence of its slot', async () => {
  await using nfs = await ScriptedNfs4.start(ok);
  await using client = sessionOf(nfs);
  for (let i = 0; i < 3; i++) await client.session.run([putRootFh], signal);
  expect(slots(nfs)).toEqual([
    [1, 0, 1],
    [1, 0, 2],
    [1, 0, 3],
    [1, 0, 4],
  ]);
});

test('concurrent requests take slots of their own, and wait when there are no more', async () => {
  let open = 0;
  let most = 0;
  await using nfs = await ScriptedNfs4.start(async (compound) => {
    open += 1;
    most = Math.max(most, open);
    await realSleep(2);
    open -= 1;
    ok(compound);
  });
  nfs.slots = 3;
  await using client = sessionOf(nfs);
  await Promise.all(Array.from({ length: 20 }, () => client.session.run([putRootFh], signal)));
  expect(most).toBe(3);
  expect(nfs.compounds).toHaveLength(21);
});

test('a session the server forgot is made anew under the same client id, and the request runs', async () => {
  await using nfs = await ScriptedNfs4.start((compound) =>
    compound.session === 1 ? compound.refuse(10052) : ok(compound),
  );
  await using client = sessionOf(nfs);
  await client.session.run([putRootFh], signal);
  expect(nfs.created).toEqual([
    { clientId: 1n, sequence: 100 },
    { clientId: 1n, sequence: 101 },
  ]);
  expect(nfs.exchanges).toHaveLength(1);
});

test('a server that forgot the client too gives a new client id', async () => {
  await using nfs = await ScriptedNfs4.start((compound) => {
    if (compound.session > 1) return ok(compound);
    nfs.nextCreateStatus = statusNumber('STALE_CLIENTID');
    compound.refuse(statusNumber('BADSESSION'));
  });
  await using client = sessionOf(nfs);
  await Promise.all([1, 2, 3].map(() => client.session.run([putRootFh], signal)));
  expect(nfs.exchanges).toHaveLength(2);
  expect(nfs.created.map(({ clientId }) => clientId)).toEqual([1n, 1n, 2n]);
});

test('a server that loses every session is given up on', async () => {
  await using nfs = await ScriptedNfs4.start((compound) => compound.refuse(statusNumber('BADSESSION')));
  await using client = sessionOf(nfs);
  await expect(client.session.run([putRootFh], signal)).rejects.toMatchObject({ code: 'BADSESSION' });
});

test.each(['DELAY', 'GRACE'] as const)('%s is asked again under the next sequence', async (name) => {
  let refusals = 2;
  await using nfs = await ScriptedNfs4.start((compound) => (refusals-- > 0 ? fails(compound, name) : ok(compound)));
  await using client = sessionOf(nfs);
  await client.session.run([putRootFh], signal);
  expect(nfs.compounds.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
});

test('DELAY of the SEQUENCE itself is asked again under the same sequence', async () => {
  let refusals = 2;
  await using nfs = await ScriptedNfs4.start((compound) =>
    refusals-- > 0 ? compound.refuse(statusNumber('DELAY')) : ok(compound),
  );
  await using client = sessionOf(nfs);
  await client.session.run([putRootFh], signal);
  expect(nfs.compounds.map(({ sequence }) => sequence)).toEqual([1, 2, 2, 2]);
});

test('a lost reply is asked for again in the same slot under the same sequence', async () => {
  await using nfs = await ScriptedNfs4.start((compound) => compound.call.connection > 1 && ok(compound));
  const clock = new FakeClock();
  await using client = sessionOf(nfs, { clock, stallMs: 10_000 });
  const answered = client.session.run([putRootFh], signal);
  // RECLAIM_COMPLETE is the first.
  await expect.poll(() => nfs.compounds.length).toBe(2);
  // The stall, and the wait before the next connection.
  await clock.advance(10_000);
  await clock.advance(100);
  await answered;
  expect(slots(nfs)).toEqual([
    [1, 0, 1],
    [1, 0, 2],
    [1, 0, 2],
  ]);
});

test('the slot of an aborted request is not used again before its reply', async () => {
  const held: ReceivedCompound[] = [];
  await using nfs = await ScriptedNfs4.start((compound) => (held.length === 0 ? held.push(compound) : ok(compound)));
  await using client = sessionOf(nfs);
  const stop = new AbortController();
  let late: unknown;
  const aborted = client.session.run([putRootFh], stop.signal, (results) => {
    late = results;
  });
  while (held.length === 0) await realSleep(1);
  stop.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  await client.session.run([putRootFh], signal);
  ok(held[0] as ReceivedCompound);
  while (!late) await realSleep(1);
  await client.session.run([putRootFh], signal);
  expect(slots(nfs).slice(1)).toEqual([
    [1, 0, 2],
    [1, 1, 1],
    [1, 0, 3],
  ]);
});

test('a session whose slots are lost is given back and replaced', async () => {
  await using nfs = await ScriptedNfs4.start((compound) => compound.session > 1 && ok(compound));
  nfs.slots = 1;
  const clock = new FakeClock();
  await using client = sessionOf(nfs, { clock, stallMs: 60_000 });
  const lost = expect(client.session.run([putRootFh], signal)).rejects.toMatchObject({ code: 'TIMEDOUT' });
  await expect.poll(() => nfs.compounds.length).toBe(2);
  await clock.advance(20_000);
  await lost;
  await client.session.run([putRootFh], signal);
  expect(nfs.created).toHaveLength(2);
  expect(nfs.destroyed).toEqual([1]);
});

test('the lease is renewed while nothing else is asked', async () => {
  await using nfs = await ScriptedNfs4.start((compound) => compound.reply({ count: 0 }));
  await using client = sessionOf(nfs);
  await client.session.live(signal);
  client.session.keepAlive(60);
  while (nfs.compounds.length < 4) await realSleep(5);
  expect(nfs.compounds.slice(1).every(({ count }) => count === 0)).toBe(true);
});

test('disposing gives session and client id back', async () => {
  await using nfs = await ScriptedNfs4.start(ok);
  {
    await using client = sessionOf(nfs);
    await client.session.run([putRootFh], signal);
  }
  expect(nfs.destroyed).toEqual([1]);
});

/** A file's server: COMMIT wants the stateid of the last open. OPENs are noted with their claim. */
async function aFileServer(isLost: (compound: ReceivedCompound) => boolean) {
  let opened = 0;
  const server = await ScriptedNfs4.start((compound) => {
    if (isLost(compound)) return compound.refuse(statusNumber('BADSESSION'));
    const { args } = compound;
    args.u32();
    args.opaque(128);
    if (args.u32() === 18) {
      args.fixed(4 * 3 + 8);
      args.opaque(1024);
      args.u32();
      server.events.push(`OPEN claim ${args.u32()}`);
      opened += 1;
      return compound.reply({
        count: 2,
        write: (writer) => {
          writer.u32(22).u32(0).u32(18).u32(0).u32(1).fixed(Buffer.alloc(12, opened));
          writer.bool(true).u64(0).u64(0).u32(0).u32(0).u32(0);
        },
      });
    }
    const status = opened === 0 ? statusNumber('BAD_STATEID') : 0;
    compound.reply({
      ...{ count: 2, status },
      write: (writer) => {
        writer.u32(22).u32(0).u32(5).u32(status);
        if (status === 0) writer.fixed(Buffer.alloc(8, 7));
      },
    });
  });
  return server;
}

async function openState(session: Session4): Promise<OpenState4> {
  await session.live(signal);
  const handle = nfsHandle(Buffer.from('file'));
  const stateid = new Uint8Array(12) as Stateid;
  return new OpenState4({ session, rng: systemRng, handle, stateid, access: 'write' });
}

test('an open the server lost is made again by handle, once for all who wait', async () => {
  await using nfs = await aFileServer(() => false);
  await using client = sessionOf(nfs);
  const state = await openState(client.session);
  const verifiers = await Promise.all([1, 2, 3].map(() => state.run(() => commit, signal)));
  expect(verifiers).toEqual(Array(3).fill('07'.repeat(8)));
  expect(nfs.events).toEqual(['RECLAIM_COMPLETE 1', 'OPEN claim 4']);
});

test('a restarted server is asked for what was open before it hears that this is all', async () => {
  await using nfs = await aFileServer(({ session, call }) => {
    if (session === 1) nfs.nextCreateStatus = statusNumber('STALE_CLIENTID');
    return session === 1 && call.connection > 0;
  });
  await using client = sessionOf(nfs);
  const state = await openState(client.session);
  expect(await state.run(() => commit, signal)).toBe('07'.repeat(8));
  expect(nfs.events).toEqual(['RECLAIM_COMPLETE 1', 'OPEN claim 1', 'RECLAIM_COMPLETE 3']);
});

test('a server that restarts again while it is asked for what was open is asked once more', async () => {
  let lost = 0;
  await using nfs = await aFileServer(({ session, call }) => {
    if (session === 1) nfs.nextCreateStatus = statusNumber('STALE_CLIENTID');
    // The session made after the first restart is lost by the second.
    if (session === 3) {
      lost++;
      nfs.nextCreateStatus = statusNumber('STALE_CLIENTID');
      return true;
    }
    return session === 1 && call.connection > 0;
  });
  await using client = sessionOf(nfs);
  const state = await openState(client.session);
  expect(await state.run(() => commit, signal)).toBe('07'.repeat(8));
  expect(lost).toBe(1);
  expect(nfs.exchanges).toHaveLength(3);
  expect(nfs.events).toEqual(['RECLAIM_COMPLETE 1', 'OPEN claim 1', 'RECLAIM_COMPLETE 5']);
});

test.each([
  ['more results than operations', { count: 2 }],
  [
    'another operation than was asked',
    { count: 1, write: (writer: { u32(n: number): unknown }) => void writer.u32(9) },
  ],
  ['no result and no error', { count: 0 }],
])('a compound with %s is BAD_REPLY', async (_what, results) => {
  await using nfs = await ScriptedNfs4.start((compound) => compound.reply(results));
  await using client = sessionOf(nfs);
  await expect(client.session.run([putRootFh], signal)).rejects.toMatchObject({ code: 'BAD_REPLY' });
});

import { FakeClock, seededRng, settle, silentLogger } from '@berth/kit';
import { NfsError } from '@berth/nfs-client';
import { expect, test } from 'vitest';
import { asNfsFailure } from './nfs-failure.ts';
import { FakeNfsServer } from './nfs-server.fake.ts';
import { NfsServers } from './nfs-servers.ts';

const nas = { server: 'nas', share: '/export' };
const other = { server: 'other', share: '/export' };

function aWorld() {
  const clock = new FakeClock();
  const servers: Record<string, FakeNfsServer> = { nas: new FakeNfsServer(), other: new FakeNfsServer() };
  const pool = new NfsServers({
    clock,
    rng: seededRng(1),
    log: silentLogger,
    connect: (options, signal) => servers[options.host]!.connect(options, signal),
  });
  const statfs = (access: typeof nas) => pool.use(access, (client, signal) => client.statfs('', signal));
  return { clock, pool, statfs, nas: servers['nas']!, other: servers['other']! };
}

test('calls to one share go over one connection, which is closed when nobody wanted it for a while', async () => {
  const w = aWorld();
  await Promise.all([w.statfs(nas), w.statfs(nas)]);
  await w.statfs(nas);
  expect(w.nas.connections).toBe(1);
  await w.clock.advance(200_000);
  expect(w.nas.disposed).toBe(1);
  await w.statfs(nas);
  expect(w.nas.connections).toBe(2);
  await w.pool[Symbol.asyncDispose]();
  expect(w.nas.disposed).toBe(2);
});

test('a share that the server does not have is named', async () => {
  const connect = () => Promise.reject(new NfsError('NOENT', 'NFS4 LOOKUP: the server answers NFS4ERR_NOENT'));
  const common = { clock: new FakeClock(), rng: seededRng(1), log: silentLogger };
  await using pool = new NfsServers({ ...common, connect });
  const asked = pool.use(nas, (client, signal) => client.statfs('', signal));
  const message = 'the nfs server nas has no share "/export"';
  await expect(asked).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', message });
});

test('a server that is away ends its own calls by their deadline with UNAVAILABLE, and no others', async () => {
  const w = aWorld();
  w.nas.away = true;
  const hanging = w.statfs(nas);
  const failed = expect(hanging).rejects.toMatchObject({ code: 'UNAVAILABLE', message: /nas does not answer/ });
  await expect(w.statfs(other)).resolves.toBeDefined();
  await w.clock.advance(8000);
  await failed;
  w.nas.away = false;
  await expect(w.statfs(nas)).resolves.toBeDefined();
});

test('a server that went away in the middle ends the call by its deadline, and is used again when it is back', async () => {
  const w = aWorld();
  await w.statfs(nas);
  w.nas.away = true;
  const failed = expect(w.statfs(nas)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await settle();
  await w.clock.advance(8000);
  await failed;
  w.nas.away = false;
  await w.statfs(nas);
});

test('a caller that leaves ends its own wait at once', async () => {
  const w = aWorld();
  w.nas.away = true;
  const stop = new AbortController();
  const waiting = w.pool.use(nas, (client, signal) => client.statfs('', signal), stop.signal);
  stop.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  await w.clock.advance(10_000);
});

for (const [status, code] of [
  ['NOSPC', 'RESOURCE_EXHAUSTED'],
  ['DQUOT', 'RESOURCE_EXHAUSTED'],
  ['ROFS', 'FAILED_PRECONDITION'],
  ['ACCESS', 'FAILED_PRECONDITION'],
  ['SYMLINK', 'FAILED_PRECONDITION'],
  ['TIMEDOUT', 'UNAVAILABLE'],
  ['GRACE', 'UNAVAILABLE'],
  ['INVAL', 'INTERNAL'],
] as const) {
  test(`the server's ${status} is ${code}`, async () => {
    const w = aWorld();
    const work = w.pool.use(nas, async () => {
      throw new NfsError(status, 'words of the server');
    });
    await expect(work).rejects.toMatchObject({ code, message: /nas.*words of the server/ });
  });
}

test('a share whose handle went stale is connected to anew', async () => {
  const w = aWorld();
  await w.statfs(nas);
  const stale = w.pool.use(nas, async () => {
    throw new NfsError('STALE', 'gone');
  });
  await expect(stale).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await w.statfs(nas);
  expect(w.nas.connections).toBe(2);
});

test('a failure of NFS says the server and its status, and a code once', () => {
  const told = (code: 'UNAVAILABLE' | 'NOENT') => asNfsFailure(new NfsError(code, 'so it is'), 'nas');
  expect(told('UNAVAILABLE')).toMatchObject({ code: 'UNAVAILABLE', message: 'the nfs server nas: so it is' });
  expect(told('NOENT')).toMatchObject({ code: 'FAILED_PRECONDITION', message: 'the nfs server nas: so it is (NOENT)' });
});

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, seededRng, silentLogger, systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import type { NfsVolume } from './nfs-parameters.ts';
import { FakeNfsServer } from './nfs-server.fake.ts';
import { NfsServers } from './nfs-servers.ts';
import { ShareTrash } from './share-trash.ts';
import { ShareVolumes } from './share-volumes.ts';

const signal = new AbortController().signal;
let seed = 1;

function aWorld(server = new FakeNfsServer(), folder = mkdtempSync(join(tmpdir(), 'berth-nfs-unit-'))) {
  const clock = new FakeClock();
  const rng = seededRng(seed++);
  const log = silentLogger;
  const servers = new NfsServers({ clock, rng, log, connect: server.connect });
  const trash = new ShareTrash({ folder, servers, clock, rng, log });
  const volumes = new ShareVolumes({ servers, trash, log });
  return {
    server,
    folder,
    clock,
    servers,
    trash,
    volumes,
    async emptied() {
      while (readdirSync(folder).length > 0) {
        await systemClock.sleep(2);
        await clock.advance(1000);
      }
    },
    async [Symbol.asyncDispose]() {
      await trash[Symbol.asyncDispose]();
      const closed = servers[Symbol.asyncDispose]();
      await clock.advance(60_000);
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function aVolume(change: Partial<NfsVolume> = {}): NfsVolume {
  return { server: 'nas', share: '/export', subDir: 'pvc-1', onDelete: 'delete', mode: undefined, ...change };
}

/** What of the share is not the driver's own. */
function shown(server: FakeNfsServer): string[] {
  return server.tree().filter((line) => !line.startsWith('.berth'));
}

/** The driver's own folder without the folders that stay. */
function traces(server: FakeNfsServer): string[] {
  return server.tree().filter((line) => line.startsWith('.berth/') && line.split('/').length > 3);
}

test('a volume is a directory for every user, made with the mode of its class where it has one', async () => {
  await using w = aWorld();
  await w.volumes.create('id-1', aVolume({ subDir: 'shop/data' }));
  expect(shown(w.server)).toEqual(['shop/', 'shop/data/']);
  expect([w.server.modeOf('shop'), w.server.modeOf('shop/data'), w.server.modeOf('.berth')]).toEqual([
    '755',
    '777',
    '700',
  ]);
  await w.volumes.create('id-2', aVolume({ subDir: 'b', mode: 0o750 }));
  expect(w.server.modeOf('b')).toBe('750');
});

test('made twice it is made once, and deleting it removes all of it', async () => {
  await using w = aWorld();
  for (let i = 0; i < 2; i++) await w.volumes.create('id-1', aVolume());
  w.server.writeFile('pvc-1/file');
  await w.volumes.remove('id-1', aVolume());
  expect(shown(w.server)).toEqual([]);
  await w.volumes.remove('id-1', aVolume());
  await w.emptied();
  expect(traces(w.server)).toEqual([]);
});

test('data that was there before stays when the volume goes', async () => {
  await using w = aWorld();
  w.server.makeDirectory('pvc-1');
  w.server.writeFile('pvc-1/old');
  await w.volumes.create('id-1', aVolume());
  expect(w.server.modeOf('pvc-1')).toBe('755');
  await w.volumes.remove('id-1', aVolume());
  await w.emptied();
  expect(shown(w.server)).toEqual(['pvc-1/', 'pvc-1/old']);
  expect(traces(w.server)).toEqual([]);
});

test('a directory that two volumes share goes with the last of them', async () => {
  await using w = aWorld();
  await w.volumes.create('id-1', aVolume());
  await w.volumes.create('id-2', aVolume());
  w.server.writeFile('pvc-1/file');
  await w.volumes.remove('id-1', aVolume());
  expect(shown(w.server)).toEqual(['pvc-1/', 'pvc-1/file']);
  await w.volumes.remove('id-2', aVolume());
  await w.emptied();
  expect(server(w)).toEqual([]);
});

const server = (w: { server: FakeNfsServer }) => [...shown(w.server), ...traces(w.server)];

test('retain leaves the data, and archive moves it aside, never over an older archive', async () => {
  await using w = aWorld();
  const kept = aVolume({ subDir: 'kept', onDelete: 'retain' });
  await w.volumes.create('id-1', kept);
  w.server.writeFile('kept/file');
  await w.volumes.remove('id-1', kept);
  expect(shown(w.server)).toEqual(['kept/', 'kept/file']);
  const archived = aVolume({ subDir: 'shop/data', onDelete: 'archive' });
  for (const id of ['id-2', 'id-3']) {
    await w.volumes.create(id, archived);
    w.server.writeFile(`shop/data/${id}`);
    await w.volumes.remove(id, archived);
    await w.volumes.remove(id, archived);
  }
  expect(shown(w.server)).toEqual([
    'archived-shop/',
    'archived-shop/data/',
    'archived-shop/data/id-2',
    'archived-shop/data-id-3/',
    'archived-shop/data-id-3/id-3',
    'kept/',
    'kept/file',
    'shop/',
  ]);
  await w.emptied();
  expect(traces(w.server)).toEqual([]);
});

for (const promise of ['retain', 'archive'] as const) {
  test(`what ${promise} promised holds when the directory's last volume is one of delete`, async () => {
    await using w = aWorld();
    const first = aVolume({ onDelete: promise });
    await w.volumes.create('id-1', first);
    await w.volumes.create('id-2', aVolume());
    w.server.writeFile('pvc-1/file');
    for (let i = 0; i < 2; i++) await w.volumes.remove('id-1', first);
    expect(shown(w.server)).toEqual(['pvc-1/', 'pvc-1/file']);
    for (let i = 0; i < 2; i++) await w.volumes.remove('id-2', aVolume());
    await w.emptied();
    const kept = promise === 'retain' ? 'pvc-1' : 'archived-pvc-1';
    expect(server(w)).toEqual([`${kept}/`, `${kept}/file`]);
  });
}

test('a volume inside the directory of another, which would go with that, is refused', async () => {
  await using w = aWorld();
  await w.volumes.create('id-1', aVolume());
  const inner = aVolume({ subDir: 'pvc-1/a/inner' });
  const create = w.volumes.create('id-2', inner);
  await expect(create).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringMatching(/"pvc-1"/),
  });
  const fill = w.volumes.fill('id-2', inner, { from: 'pvc-1', signal });
  await expect(fill).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await w.volumes.remove('id-2', inner);
  expect(shown(w.server)).toEqual(['pvc-1/']);
  await w.volumes.remove('id-1', aVolume());
  await w.volumes.create('id-2', inner);
  await w.volumes.create('id-1', aVolume());
  await w.volumes.remove('id-1', aVolume());
  await w.emptied();
  expect(shown(w.server)).toEqual(['pvc-1/', 'pvc-1/a/', 'pvc-1/a/inner/']);
});

test('a clone shows when it is complete, and a snapshot outlives its volume', async () => {
  await using w = aWorld();
  await w.volumes.create('id-1', aVolume());
  w.server.writeFile('pvc-1/file');
  await w.volumes.snapshot('snap-1', aVolume(), { from: 'pvc-1', signal });
  await w.volumes.remove('id-1', aVolume());
  const restored = aVolume({ subDir: 'a/restored', mode: 0o700 });
  await w.volumes.fill('id-2', restored, { from: '.berth/snapshots/snap-1', signal });
  expect(shown(w.server)).toEqual(['a/', 'a/restored/', 'a/restored/file']);
  expect(w.server.modeOf('a/restored')).toBe('700');
  expect(await w.volumes.fill('id-2', restored, { from: '.berth/snapshots/snap-1', signal })).toBeUndefined();
  await w.volumes.removeSnapshot('snap-1', aVolume());
  await w.volumes.removeSnapshot('snap-1', aVolume());
  await w.volumes.remove('id-2', restored);
  await w.emptied();
  expect(server(w)).toEqual(['a/']);
});

test('content never goes into a directory that is there', async () => {
  await using w = aWorld();
  await w.volumes.create('id-1', aVolume());
  w.server.makeDirectory('there');
  for (const subDir of ['there', 'pvc-1']) {
    const fill = w.volumes.fill('id-2', aVolume({ subDir }), { from: 'pvc-1', signal });
    await expect(fill).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await w.volumes.remove('id-2', aVolume({ subDir }));
  }
  await w.emptied();
  expect(shown(w.server)).toEqual(['pvc-1/', 'there/']);
});

test('a file or a link with the name of the directory is refused and stays', async () => {
  await using w = aWorld();
  w.server.writeFile('pvc-1', 'text');
  await expect(w.volumes.create('id-1', aVolume())).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await w.volumes.remove('id-1', aVolume());
  await w.emptied();
  expect(server(w)).toEqual(['pvc-1']);
});

type World = ReturnType<typeof aWorld>;
const lives: Record<string, { readonly run: (w: World) => Promise<unknown>; readonly volume: NfsVolume }> = {
  'an empty volume': { volume: aVolume(), run: (w) => w.volumes.create('id-1', aVolume()) },
  'a filled volume': {
    volume: aVolume({ subDir: 'a/copy' }),
    run: (w) => w.volumes.fill('id-1', aVolume({ subDir: 'a/copy' }), { from: 'source', signal }),
  },
};

for (const [what, { run, volume }] of Object.entries(lives)) {
  test(`making and deleting ${what} survives a lost call or answer anywhere, by repeating`, async () => {
    const count = await countCalls(run, volume);
    expect(count).toBeGreaterThan(10);
    for (let call = 0; call < count; call++) {
      for (const when of ['before', 'after'] as const) {
        await using w = worldWithSource();
        w.server.breakAt = { call, when };
        await again(() => run(w));
        await again(() => run(w));
        expect(
          shown(w.server).filter((line) => line.startsWith(volume.subDir)).length,
          `${when} ${call}`,
        ).toBeGreaterThan(0);
        await again(() => w.volumes.remove('id-1', volume));
        await again(() => w.volumes.remove('id-1', volume));
        await w.emptied();
        expect(
          server(w).filter((line) => line !== 'a/'),
          `${when} ${call} ${w.server.calls[call]}`,
        ).toEqual(['source/', 'source/file']);
      }
    }
  });

  test(`${what} that is given up anywhere leaves nothing`, async () => {
    const count = await countCalls(run, volume);
    for (let call = 0; call < count; call++) {
      await using w = worldWithSource();
      w.server.breakAt = { call, when: 'after' };
      await run(w).catch(() => undefined);
      await again(() => w.volumes.remove('id-1', volume));
      await w.emptied();
      expect(
        server(w).filter((line) => line !== 'a/'),
        `${call}`,
      ).toEqual(['source/', 'source/file']);
    }
  });
}

/** As a CO would: one failure, one repetition. */
async function again(call: () => Promise<unknown>): Promise<void> {
  await call().catch(() => call());
}

function worldWithSource(): World {
  const server = new FakeNfsServer();
  server.makeDirectory('source');
  server.writeFile('source/file');
  return aWorld(server);
}

async function countCalls(run: (w: World) => Promise<unknown>, volume: NfsVolume): Promise<number> {
  await using w = worldWithSource();
  await run(w);
  await w.volumes.remove('id-1', volume);
  await w.emptied();
  return w.server.calls.length;
}

test('what was deleted is removed after a restart, and once its server is back', async () => {
  const first = aWorld();
  await first.volumes.create('id-1', aVolume());
  first.server.writeFile('pvc-1/file');
  await first.trash[Symbol.asyncDispose]();
  await first.volumes.remove('id-1', aVolume());
  expect(readdirSync(first.folder)).toHaveLength(1);
  first.server.away = true;
  await using second = aWorld(first.server, first.folder);
  await second.clock.advance(20_000);
  expect(readdirSync(first.folder)).toHaveLength(1);
  first.server.away = false;
  await second.emptied();
  expect(server(second)).toEqual([]);
});

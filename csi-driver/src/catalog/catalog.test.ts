import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Attachment } from './attachment-table.ts';
import { Catalog } from './catalog.ts';

function scene() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-catalog-'));
  const options = { path: join(folder, 'catalog.db'), volumesFolder: join(folder, 'volumes'), lockWaitMs: 50 };
  mkdirSync(options.volumesFolder);
  return { ...options, open: () => new Catalog(options), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

const aVolume = (name: string) => ({
  id: `id-${name}`,
  name,
  capacityBytes: 1000,
  backend: 'directory',
  parameters: {},
  context: {},
});

async function filled(open: () => Catalog, count: number) {
  using catalog = open();
  for (let i = 0; i < count; i++) {
    await catalog.update(await catalog.begin(aVolume(`v${i}`)), { state: 'ready' });
  }
}

test('what was written is there after closing', async () => {
  using s = scene();
  await filled(s.open, 2);
  using catalog = s.open();
  expect(catalog.listAfter(0).map(({ id, state }) => [id, state])).toEqual([
    ['id-v0', 'ready'],
    ['id-v1', 'ready'],
  ]);
  expect(catalog.findByName('v1')?.id).toBe('id-v1');
});

test('a sequence is never given twice, so that a page token stays good', async () => {
  using s = scene();
  using catalog = s.open();
  await catalog.begin(aVolume('a'));
  await catalog.remove('id-a');
  expect((await catalog.begin(aVolume('b'))).sequence).toBe(2);
  expect(catalog.lastSequence()).toBe(2);
});

test('writes of one turn are one commit, and one that fails does not spoil the others', async () => {
  using s = scene();
  using catalog = s.open();
  const results = await Promise.allSettled(['a', 'a', 'b'].map((name) => catalog.begin(aVolume(name))));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(catalog.listAfter(0).map(({ name }) => name)).toEqual(['a', 'b']);
});

test('a second driver on the same catalog is told so', async () => {
  using s = scene();
  using _first = s.open();
  expect(s.open).toThrow(
    expect.objectContaining({ code: 'InUse', message: expect.stringContaining('another csi-driver') }),
  );
});

const damages: Record<string, (path: string) => void> = {
  'that is no database': (path) => writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100)),
  'cut in the middle': (path) => truncateSync(path, 8192),
  'whose pages are not what they were': (path) => writeFileSync(path, readFileSync(path).fill(1, 4096 + 100, 3 * 4096)),
  emptied: (path) => truncateSync(path, 0),
  removed: (path) => rmSync(path),
  'with a byte of a record changed': (path) => {
    const bytes = readFileSync(path);
    const at = bytes.lastIndexOf('directory');
    writeFileSync(path, bytes.fill('D', at, at + 1));
  },
};

for (const [what, damage] of Object.entries(damages)) {
  test(`a catalog ${what} is Damaged, with what to do`, async () => {
    using s = scene();
    await filled(s.open, 100);
    appendFileSync(join(s.volumesFolder, 'id-v1'), '');
    damage(s.path);
    rmSync(`${s.path}-wal`, { force: true });
    expect(s.open).toThrow(
      expect.objectContaining({
        code: 'Damaged',
        // One line, as SQLite's own words are not.
        message: expect.stringMatching(/^the catalog .*volumes.*csi-driver recover --pool.*backup$/),
      }),
    );
  });
}

test('a catalog of a newer driver is left alone', async () => {
  using s = scene();
  await filled(s.open, 1);
  const database = new DatabaseSync(s.path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(s.open).toThrow(expect.objectContaining({ code: 'Newer' }));
});

test('a catalog of the first schema keeps its volumes and learns of snapshots', async () => {
  using s = scene();
  await filled(s.open, 3);
  const database = new DatabaseSync(s.path);
  database.exec(
    'DROP TABLE snapshots; DROP TABLE snapshot_groups; DROP TABLE attachments; DROP TABLE settled; DROP TABLE trashed; DROP TABLE upkeep; DROP TABLE pools; DROP INDEX volumes_unfinished; PRAGMA user_version = 1',
  );
  database.close();
  using catalog = s.open();
  expect(catalog.listAfter(0).map(({ name }) => name)).toEqual(['v0', 'v1', 'v2']);
  const aSnapshot = { id: 's1', name: 'snap', sourceVolumeId: 'id-v0', sizeBytes: 5, backend: 'directory' };
  await catalog.snapshots.begin({ ...aSnapshot, createdAtMs: 7 });
  expect(catalog.snapshots.listOfVolume('id-v0', 0)).toMatchObject([
    { ...aSnapshot, state: 'creating', createdAtMs: 7 },
  ]);
  expect(catalog.snapshots.listOfVolume('id-v1', 0)).toEqual([]);
  const aGroup = { id: 'g1', name: 'group', createdAtMs: 7, members: [{ snapshotId: 's1', volumeId: 'id-v0' }] };
  await catalog.groups.begin(aGroup);
  expect(catalog.groups.findByName('group')).toMatchObject({ ...aGroup, state: 'creating' });
  const anAttachment = {
    volumeId: 'id-v0',
    nodeId: 'n1',
    mode: 'SINGLE_NODE_WRITER',
    access: 'mount',
    readOnly: false,
  };
  await catalog.attachments.add(anAttachment as Attachment);
  expect(catalog.attachments.ofVolume('id-v0')).toEqual([anAttachment]);
  expect(catalog.attachments.countOfNode('n1')).toBe(1);
});

test('a record that was found before a change is not what is found after it, nor after a change that failed', async () => {
  using s = scene();
  using catalog = s.open();
  const begun = await catalog.begin(aVolume('v'));
  const states = [catalog.find(begun.id)?.state, catalog.find(begun.id)?.state];
  const ready = await catalog.update(begun, { state: 'ready' });
  states.push(catalog.find(begun.id)?.state);
  const deleting = catalog.update(ready, { state: 'deleting' });
  const clashing = catalog.begin({ ...aVolume('v'), id: 'other' });
  states.push(catalog.find(begun.id)?.state);
  await Promise.allSettled([deleting, clashing]);
  states.push(catalog.find(begun.id)?.state);
  await catalog.remove(begun.id);
  expect(states).toEqual(['creating', 'creating', 'ready', 'ready', 'deleting']);
  expect(catalog.find(begun.id)).toBeUndefined();
});

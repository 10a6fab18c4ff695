import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { StagedVolumes } from './staged-volumes.ts';

const context = { server: 'nas', share: '/export', subDir: 'a' };

function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-staged-unit-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('what is staged is known after a restart, whatever its id is, until it is forgotten', async () => {
  using place = aFolder();
  const first = new StagedVolumes(place.folder, silentLogger);
  await first.remember('../../etc/passwd', context);
  await first.remember('id-2', { ...context, subDir: 'b' });
  const second = new StagedVolumes(place.folder, silentLogger);
  expect(second.find('../../etc/passwd')).toMatchObject({ source: 'nas:/export/a', context });
  for (const id of ['../../etc/passwd', 'id-2', 'id-3']) await second.forget(id);
  expect(readdirSync(place.folder)).toEqual([]);
  expect(second.find('id-2')).toBeUndefined();
});

test('a path belongs to the innermost volume it is in', async () => {
  using place = aFolder();
  const staged = new StagedVolumes(place.folder, silentLogger);
  await staged.remember('outer', { server: 'nas', share: '/' });
  await staged.remember('inner', { server: 'nas', share: '/', subDir: 'a' });
  expect(staged.showing('nas:/a')?.id).toBe('inner');
  expect(staged.showing('nas:/a/b/c')?.id).toBe('inner');
  expect(staged.showing('nas:/ab')?.id).toBe('outer');
  expect(staged.showing('nas2:/a')).toBeUndefined();
  await staged.remember('twin', { server: 'nas', share: '/a' });
  await staged.forget('twin');
  expect(staged.showing('nas:/a')?.id).toBe('inner');
  await staged.forget('inner');
  expect(staged.showing('nas:/a')?.id).toBe('outer');
});

test('notes of an earlier boot, half-written and damaged ones are not believed', async () => {
  using place = aFolder();
  const first = new StagedVolumes(place.folder, silentLogger);
  for (const id of ['id-1', 'id-2', 'id-3']) await first.remember(id, context);
  const [one, two, three] = readdirSync(place.folder).map((name) => join(place.folder, name));
  writeFileSync(one!, readFileSync(one!, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"before"'));
  writeFileSync(two!, readFileSync(two!, 'utf8').replace('/export', '/export/..'));
  writeFileSync(three!, '{');
  writeFileSync(join(place.folder, 'x.json.1.tmp'), '');
  const second = new StagedVolumes(place.folder, silentLogger);
  expect(['id-1', 'id-2', 'id-3'].filter((id) => second.find(id))).toEqual([]);
  expect(readdirSync(place.folder)).toHaveLength(2);
});

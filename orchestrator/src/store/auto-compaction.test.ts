import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { startAutoCompaction } from './auto-compaction.ts';
import { MemoryStore } from './store.memory.ts';

const minutes = 60_000;

test('history stays for at least five minutes, then goes', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const write = () => store.write({ key: '/registry/things/a', value: new Uint8Array(1) });
  const at = (revision: number) => store.range({ prefix: '/registry/things/', revision });
  {
    await using _running = startAutoCompaction({ store, clock, log: silentLogger });
    await write();
    await clock.advance(5 * minutes);
    await write();
    expect((await at(1)).items).toHaveLength(1);
    await clock.advance(5 * minutes);
    await write();
    expect((await at(2)).items).toHaveLength(1);
    await clock.advance(5 * minutes);
    await expect(at(1)).rejects.toMatchObject({ code: 'Compacted' });
    expect((await at(3)).items).toHaveLength(1);
  }
  expect(clock.pending).toBe(0);
});

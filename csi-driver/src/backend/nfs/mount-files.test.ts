import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '@berth/linux';
import { expect, test } from 'vitest';
import { forgetMount, sweepMounts } from './mount-files.ts';

test('locks and logs of mounts that are gone are swept, those of living ones and other files stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mount-files-'));
  try {
    for (const name of ['dead.lock', 'dead.log', 'cut-off.log', 'live.log', 'Other File', 'x.json'])
      writeFileSync(join(folder, name), '');
    {
      using _served = lockFile(join(folder, 'live.lock'));
      sweepMounts(folder);
      forgetMount(folder, 'live');
      expect(readdirSync(folder).sort()).toEqual(['Other File', 'live.lock', 'live.log', 'x.json']);
    }
    sweepMounts(folder);
    expect(readdirSync(folder).sort()).toEqual(['Other File', 'x.json']);
    sweepMounts(join(folder, 'absent'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

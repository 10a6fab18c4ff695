import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { driverPlace } from './csi-calls.ts';
import { csiSanityHere } from './csi-sanity-here.ts';
import { startDriverHere } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';

export const cases: readonly GuestCase[] = [
  {
    name: 'csi-sanity passes with directories of required quota, and leaves nothing behind',
    run: async () => {
      using here = driverPlace('ext4');
      await using driver = await startDriverHere(here.folder);
      await csiSanityHere(here.folder, { quota: 'required' });
      for (const name of ['volumes', 'snapshots']) assert.deepEqual(readdirSync(join(here.pool, name)), []);
      assert.ok(!driver.log().includes('INTERNAL'));
    },
  },
];

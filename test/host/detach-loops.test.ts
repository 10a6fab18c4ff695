import { mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@berth/kit';
import { attachLoop, detachLoop, Fd, listLoops } from '@berth/linux';
import { expect, test } from 'vitest';
import { detachLoopsBelow } from '../../orchestrator/src/berth/detach-loops.ts';

test('loop devices of files below a directory are detached, those of a neighbour with a longer name stay', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-loops-'));
  const attached: number[] = [];
  const others = [folder, `${folder}-other`];
  try {
    for (const path of [join(folder, 'image'), `${folder}-other`]) {
      writeFileSync(path, '');
      truncateSync(path, 1024 * 1024);
      using file = new Fd(openSync(path, 'r+'));
      const { number, device } = await attachLoop(file);
      device[Symbol.dispose]();
      attached.push(number);
    }
    await detachLoopsBelow(folder, silentLogger);
    const left = () => listLoops().filter(({ backingFile }) => backingFile.startsWith(folder));
    await expect.poll(() => left().map(({ number }) => number)).toEqual([attached[1]]);
  } finally {
    for (const number of attached) await detachLoop(number);
    for (const path of others) rmSync(path, { recursive: true, force: true });
  }
});

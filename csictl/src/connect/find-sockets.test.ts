import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { findSockets } from './find-sockets.ts';

test('drivers of a data directory are found by its whole path, also where it is named from here', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-sockets-'));
  try {
    const folder = join(dataDir, 'nodes/node-1/csi/csi.berth.local');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'csi.sock'), '');
    const found = [{ node: 'node-1', endpoint: `unix://${folder}/csi.sock` }];
    expect(findSockets(dataDir)).toEqual(found);
    expect(findSockets(relative(process.cwd(), dataDir))).toEqual(found);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

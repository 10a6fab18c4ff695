import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DataDir } from './data-dir.ts';
import { prepareOutputs } from './prepare-outputs.ts';

test('files in the data directory wait until it is taken, those elsewhere do not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-outputs-'));
  try {
    const data = new DataDir(join(folder, 'data'));
    const outputs = { data, kubeconfig: join(data.path, 'for/others'), readyFile: join(folder, 'elsewhere/ready') };
    await prepareOutputs(outputs, 'before');
    expect([existsSync(data.path), existsSync(join(folder, 'elsewhere'))]).toEqual([false, true]);
    using _ = await data.take();
    writeFileSync(outputs.readyFile, 'of an earlier run');
    await prepareOutputs(outputs, 'after');
    const mode = statSync(data.path).mode & 0o777;
    expect([mode, existsSync(join(data.path, 'for')), existsSync(outputs.readyFile)]).toEqual([0o711, true, false]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

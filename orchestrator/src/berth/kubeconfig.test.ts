import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DataDir } from './data-dir.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import type { Pki } from './pki.ts';

const pair = { cert: 'certificate', key: 'key' };
const pki: Pki = { ca: 'ca', server: pair, admin: pair, serviceAccountKey: 'key', frontProxy: { ...pair, ca: 'ca' } };

test('a kubeconfig that says what it shall stays as it is, as a full disk takes no other; any other is replaced', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-kubeconfig-'));
  try {
    const data = new DataDir(folder);
    const write = async (port: number) => {
      await writeKubeconfigs({ data }, `https://127.0.0.1:${port}`, pki);
      return statSync(data.kubeconfig);
    };
    const first = await write(1);
    expect(first.mode & 0o777).toBe(0o600);
    expect((await write(1)).ino).toBe(first.ino);

    const moved = await write(2);
    expect(moved.ino).not.toBe(first.ino);
    expect(readFileSync(data.kubeconfig, 'utf8')).toContain('https://127.0.0.1:2');

    chmodSync(data.kubeconfig, 0o644);
    expect((await write(2)).mode & 0o777).toBe(0o600);

    // What a link leads to is another's.
    const link = join(folder, 'link');
    symlinkSync(data.kubeconfig, link);
    await writeKubeconfigs({ data, kubeconfig: link }, 'https://127.0.0.1:2', pki);
    expect(statSync(link).ino).not.toBe(statSync(data.kubeconfig).ino);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

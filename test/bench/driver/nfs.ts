import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import { Ganesha } from '../../harness/ganesha.ts';
import { median, type Table } from '../table.ts';
import { took } from './rates.ts';

const options = { version: 3, uid: 0, gid: 0, clock: systemClock, rng: systemRng, log: silentLogger } as const;
const bytes = 256 * 2 ** 20;
const MB = (ms: number) => bytes / 1e6 / (ms / 1000);

/** Sequential reads and writes of a large file, beside libnfs's own programs on the same server in the same minute. */
export async function benchNfs(table: Table, rounds: number): Promise<void> {
  await using server = await Ganesha.start();
  const local = join(server.folder, 'local');
  const data = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 4096) data.writeUInt32LE(i, i);
  writeFileSync(local, data);
  writeFileSync(join(server.root, 'large'), data);
  const url = (name: string) => `nfs://${server.host}${server.export}/${name}?version=3`;
  const signal = new AbortController().signal;
  const ours: Record<'read' | 'write', number[]> = { read: [], write: [] };
  const theirs: Record<'read' | 'write', number[]> = { read: [], write: [] };
  for (let round = 0; round < rounds; round++) {
    theirs.read.push(await took(async () => execFileSync('nfs-cat', [url('large')], { stdio: 'ignore' })));
    theirs.write.push(await took(async () => execFileSync('nfs-cp', [local, url(`theirs-${round}`)])));
    await using client = await connectNfs({ ...options, host: server.host, export: server.export }, signal);
    ours.read.push(
      await took(async () => {
        for await (const chunk of client.read('large', { reuse: true }, signal)) chunk.length;
      }),
    );
    ours.write.push(await took(() => client.write(`ours-${round}`, [data], { signal })));
  }
  for (const what of ['read', 'write'] as const) {
    const [own, other] = [MB(median(ours[what])), MB(median(theirs[what]))];
    const reference = `libnfs ${other.toFixed(0)} MB/s`;
    const measured = `${own.toFixed(0)} MB/s, × ${(own / other).toFixed(2)}`;
    table.record(`nfs-client, sequential ${what} of 256 MiB`, '≥ × 0.8', reference, measured);
  }
}

import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import { Ganesha } from '../../harness/ganesha.ts';
import { median, type Table } from '../table.ts';
import { took } from './rates.ts';

const options = { version: 3, uid: 0, gid: 0, clock: systemClock, rng: systemRng, log: silentLogger } as const;
const bytes = 256 * 2 ** 20;
const MB = (ms: number) => bytes / 1e6 / (ms / 1000);

type Contestant = 'ours' | 'theirs';
type Times = Record<Contestant, number[]>;

/**
 * Sequential reads and writes of a large file, beside libnfs's own programs on the same server in the same minute: both
 * write a new file by unstable WRITEs of a megabyte and a COMMIT at the end.
 */
export async function benchNfs(table: Table, rounds: number): Promise<void> {
  await using server = await Ganesha.start();
  const signal = new AbortController().signal;
  const local = join(server.folder, 'local');
  const data = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 4096) data.writeUInt32LE(i, i);
  for (const path of [local, join(server.root, 'large')]) writeFileSync(path, data);
  const url = (name: string) => `nfs://${server.host}${server.export}/${name}?version=3`;
  const times = { read: { ours: [], theirs: [] } as Times, write: { ours: [], theirs: [] } as Times };
  for (let round = 0; round < rounds; round++) {
    await using client = await connectNfs({ ...options, host: server.host, export: server.export }, signal);
    const runs = {
      read: {
        theirs: async () => execFileSync('nfs-cat', [url('large')], { stdio: 'ignore' }),
        ours: async () => {
          for await (const chunk of client.read('large', { reuse: true }, signal)) chunk.length;
        },
      },
      write: {
        theirs: async () => execFileSync('nfs-cp', [local, url(`theirs-${round}`)]),
        ours: () => client.write(`ours-${round}`, [data], { signal }),
      },
    };
    const order: readonly Contestant[] = round % 2 === 0 ? ['theirs', 'ours'] : ['ours', 'theirs'];
    for (const what of ['read', 'write'] as const) {
      for (const who of order) {
        makeEven(server.folder, data);
        times[what][who].push(await took(runs[what][who]));
        // By the server: it keeps the memory of a file that is removed behind its back.
        if (what === 'write') await client.remove(`${who}-${round}`, signal);
      }
    }
  }
  for (const what of ['read', 'write'] as const) record(table, what, times[what]);
}

/** Both find a quiet disk and as much memory that the host of a virtual machine has not taken back: fetching it costs more than a write. */
function makeEven(folder: string, data: Uint8Array): void {
  const scratch = join(folder, 'scratch');
  for (let i = 0; i < 2; i++) writeFileSync(`${scratch}${i}`, data);
  for (let i = 0; i < 2; i++) rmSync(`${scratch}${i}`);
  execFileSync('sync');
}

/** The ratio is the median of the rounds' own: what disturbs a machine disturbs neighbours alike. */
function record(table: Table, what: string, { ours, theirs }: Times): void {
  const ratio = median(ours.map((own, round) => (theirs[round] as number) / own));
  const reference = `libnfs ${MB(median(theirs)).toFixed(0)} MB/s`;
  const measured = `${MB(median(ours)).toFixed(0)} MB/s, × ${ratio.toFixed(2)}`;
  table.record(`nfs-client, sequential ${what} of 256 MiB`, '≥ × 0.8', reference, measured);
}

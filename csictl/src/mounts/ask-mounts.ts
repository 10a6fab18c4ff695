import { execFile } from 'node:child_process';
import type { MountInfo } from '@berth/linux';
import type { MountRow } from './mount-rows.ts';

/** Filesystems behind which are a process or a server, that may be gone. */
const served = /^(fuse\b|nfs)/;
const patienceMs = 2000;

export type Answer = 'fine' | 'error' | 'none';
export type AskMount = (path: string) => Promise<Answer>;

/** Rows in whose state is whether what is mounted answers, where something else has to. */
export async function askMounts(
  rows: readonly MountRow[],
  table: readonly MountInfo[],
  ask: AskMount = askByStat,
): Promise<MountRow[]> {
  const types = new Map(table.map(({ mountPoint, fsType }) => [mountPoint, fsType]));
  return await Promise.all(
    rows.map(async (row) => {
      if (row.state !== 'ok' || !served.test(types.get(row.path) ?? '')) return row;
      const answer = await ask(row.path);
      if (answer === 'fine') return row;
      if (answer === 'none') return { ...row, state: 'silent', note: `its server does not answer in ${patienceMs} ms` };
      return { ...row, state: 'broken', note: 'it answers errors only: what served it died, or its server forgot it' };
    }),
  );
}

/** By another process, which may be left to wait and be killed: statfs(2) waits for as long as a server does not answer. */
function askByStat(path: string): Promise<Answer> {
  return new Promise((resolve) => {
    execFile('stat', ['--file-system', '--', path], { timeout: patienceMs, killSignal: 'SIGKILL' }, (error) => {
      resolve(!error ? 'fine' : error.killed ? 'none' : 'error');
    });
  });
}

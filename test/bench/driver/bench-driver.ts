import type { Table } from '../table.ts';
import { benchCalls } from './calls.ts';
import { benchNfs } from './nfs.ts';
import { benchScale } from './scale.ts';
import { benchVolumes } from './volumes.ts';

/** What the driver costs on its own: the built program, its real socket, the real kernel. */
export async function benchDriver(table: Table, rounds: number): Promise<void> {
  await benchCalls(table, rounds);
  await benchVolumes(table, rounds);
  await benchNfs(table, rounds);
  await benchScale(table, rounds);
}

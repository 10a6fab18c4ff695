import { readFile } from 'node:fs/promises';
import type { MountInfo } from './mounter.ts';
import { parseMountInfo } from './mountinfo.ts';

/** The mount table, as the Linux mounter tells it, read by a thread of the pool: of a thousand mounts the kernel writes for milliseconds. */
export async function readMounts(): Promise<MountInfo[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

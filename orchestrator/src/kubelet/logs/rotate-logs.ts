import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock, Logger } from '@berth/kit';
import type { ContainerRuntime } from '../container-runtime.ts';

/** kubelet's containerLogMaxSize, containerLogMaxFiles and monitor interval. */
const maxBytes = 10 * 1024 * 1024;
const maxFiles = 5;
const lookMs = 10_000;

export interface RotateLogsOptions {
  readonly runtime: ContainerRuntime['runtime'];
  readonly clock: Clock;
  readonly log: Logger;
  /** Running containers with their log files. */
  readonly running: () => readonly { readonly id: string; readonly logPath: string }[];
  readonly maxBytes?: number;
  readonly maxFiles?: number;
}

/** Keeps the logs of running containers within bounds (kubelet/logs/container_log_manager.go). Runs until `signal` aborts. */
export async function rotateLogs(options: RotateLogsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const container of options.running()) {
      // A full disk, or a log that went away: the container goes on, and so do the other logs.
      await rotateLog(options, container, signal).catch((error: unknown) => {
        if (!signal.aborted) options.log.warn('log not rotated', { container: container.id, error });
      });
    }
    await options.clock.sleep(lookMs, signal).catch(() => undefined);
  }
}

/** Rotates one log where it has grown too large. @throws Error – the log is as it was, or the runtime did not reopen it. */
export async function rotateLog(
  options: RotateLogsOptions,
  { id, logPath }: { readonly id: string; readonly logPath: string },
  signal: AbortSignal,
): Promise<void> {
  if (logPath === '') return;
  const found = await stat(logPath).catch(() => undefined);
  if (!found || found.size < (options.maxBytes ?? maxBytes)) return;
  await prune(logPath, (options.maxFiles ?? maxFiles) - 2);
  for (const name of await rotatedFiles(logPath)) if (!name.endsWith('.gz')) await compress(name);
  const aside = `${logPath}.${timestamp(options.clock.now())}`;
  await rename(logPath, aside);
  try {
    await options.runtime.ReopenContainerLog({ containerId: id }, { signal });
  } catch (error) {
    // The runtime still writes to the renamed file: give it its name back.
    await rename(aside, logPath);
    throw error;
  }
}

/** Rotated files of a log, oldest first. */
async function rotatedFiles(logPath: string): Promise<string[]> {
  const prefix = `${basename(logPath)}.`;
  const names = await readdir(dirname(logPath));
  return names
    .filter((name) => name.startsWith(prefix) && /\.\d{8}-\d{6}(\.gz)?$/.test(name))
    .sort()
    .map((name) => join(dirname(logPath), name));
}

async function prune(logPath: string, keep: number): Promise<void> {
  const files = await rotatedFiles(logPath);
  for (const name of files.slice(0, Math.max(0, files.length - keep))) await rm(name, { force: true });
}

async function compress(path: string): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary, { mode: 0o640 }));
    await rename(temporary, `${path}.gz`);
    await rm(path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** `20060102-150405`: the suffix kubelet gives rotated logs. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
}

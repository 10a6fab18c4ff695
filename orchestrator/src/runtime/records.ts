import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '@berth/kit';
import type { cri } from '@berth/protos';

/** What must survive us about a sandbox. `creating` is written before its first side effect and undone at the next start. */
export interface SandboxRecord {
  readonly id: string;
  readonly state: 'creating' | 'ready' | 'stopped';
  readonly createdAtMs: number;
  readonly bootId: string;
  readonly runtimeHandler: string;
  readonly config: cri.PodSandboxConfig;
  readonly cgroupParent: string;
  readonly ips: readonly string[];
  readonly pause?: ProcessId;
}

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/pid/stat. */
  readonly startTicks: string;
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  /** `discarded`: never started, and never to be; undone at the next start like one half made. */
  readonly state: 'creating' | 'created' | 'running' | 'exited' | 'discarded';
  readonly createdAtMs: number;
  readonly bootId: string;
  /** Environment values are not kept here: the bundle's config.json has them. */
  readonly config: cri.ContainerConfig;
  readonly imageId: string;
  /** The repository digest it was pulled by, where it was. */
  readonly imageRef?: string;
  readonly stopSignal: string;
  readonly logPath: string;
  readonly cgroupPath: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly process?: ProcessId;
  readonly conmon?: ProcessId;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

const sandboxFile = 'sandbox.json';
const containerFile = 'container.json';

export function writeSandbox(directory: string, record: SandboxRecord): Promise<void> {
  return writeFileDurably(join(directory, sandboxFile), JSON.stringify(record));
}

export function writeContainer(directory: string, record: ContainerRecord): Promise<void> {
  return writeFileDurably(join(directory, containerFile), JSON.stringify(record));
}

/** Everything below `parent`, where undefined stands for a directory whose record is missing or damaged. */
export function readSandboxes(parent: string): Promise<Map<string, SandboxRecord | undefined>> {
  return readRecords<SandboxRecord>(parent, sandboxFile);
}

export function readContainers(parent: string): Promise<Map<string, ContainerRecord | undefined>> {
  return readRecords<ContainerRecord>(parent, containerFile);
}

async function readRecords<T extends { id: string; state: string }>(parent: string, file: string) {
  const ids = await readdir(parent);
  const entries = ids.map(async (id): Promise<[string, T | undefined]> => {
    try {
      const record = JSON.parse(await readFile(join(parent, id, file), 'utf8')) as T;
      return [id, record.id === id && typeof record.state === 'string' ? record : undefined];
    } catch {
      return [id, undefined];
    }
  });
  return new Map(await Promise.all(entries));
}

import { chmodSync } from 'node:fs';
import {
  type Fd,
  isErrno,
  limitProject,
  makeDirectoryAt,
  openSegment,
  projectOf,
  projectUsage,
  setProject,
} from '@berth/linux';
import { grpcError } from '@berth/protos';
import type { PoolFolder } from '../pool.ts';
import type { LimitedUsage, SizeLimits } from './size-limits.ts';

/** Projects of volumes: far above what an administrator writes into /etc/projects, and what other programs count from. */
export const firstProject = 0x42000000;
const lastProject = 0x7fffffff;

/** Ids taken one after the other before the search for low ones that became free begins again. */
const runLength = 256;

/**
 * Limits by project quotas (ext4, xfs). The filesystem itself says which ids are taken: a directory counts as one inode of
 * its project for as long as anything of it is left, in the trash too, so that an id with leaked usage is never given again.
 */
export class ProjectLimits implements SizeLimits {
  readonly #search = new ProjectSearch();
  readonly #folder: PoolFolder;

  /** `folder` is where the directories are, in the end. */
  constructor(folder: PoolFolder) {
    this.#folder = folder;
  }

  async makeDirectory(parent: Fd, name: string, maxBytes: number): Promise<void> {
    if (!makeDirectoryAt(parent, name, 0o700)) throw new Error(`"${name}" is there already`);
    using directory = openSegment(parent, name);
    limitProject(directory, this.#claim(directory), maxBytes);
  }

  async limit(directory: Fd, maxBytes: number): Promise<void> {
    const id = ownProject(directory);
    if (id === undefined) throw new Error('a directory without a project cannot be limited');
    limitProject(directory, id, maxBytes);
    // fsync(2) of a directory writes the journal up to its own last change: it needs one after the limit's.
    chmodSync(`${this.#folder.fd.path}/.`, 0o700);
    await this.#folder.sync();
  }

  isLimitable(directory: Fd): boolean {
    return ownProject(directory) !== undefined;
  }

  usage(directory: Fd): LimitedUsage | undefined {
    const id = ownProject(directory);
    if (id === undefined) return undefined;
    const { maxBytes, usedBytes, inodes } = projectUsage(directory, id);
    return { maxBytes, usedBytes, inodes };
  }

  async sync(): Promise<void> {
    // Limits are in the journal before the name that shows the directory.
  }

  /** The directory is in the project before anything else happens to either: what a crash leaves is found by the directory. */
  #claim(directory: Fd): number {
    for (;;) {
      const id = this.#search.next((one) => isFree(directory, one));
      setProject(directory, id);
      // More than itself: another process with a pool on this filesystem took it in the same moment.
      if (projectUsage(directory, id).inodes <= 1) return id;
      setProject(directory, 0);
    }
  }
}

/** Finds ids nobody has, without knowing who has which. */
export class ProjectSearch {
  #cursor = firstProject;
  #left = 0;

  /** @throws GrpcError RESOURCE_EXHAUSTED – a thousand million volumes. */
  next(free: (id: number) => boolean): number {
    while (this.#left > 0) {
      this.#left -= 1;
      const id = this.#cursor++;
      if (id <= lastProject && free(id)) return id;
    }
    const found = freeAfterTaken(free);
    this.#cursor = found + 1;
    this.#left = runLength - 1;
    return found;
  }
}

/** A free id whose neighbour below is taken, in some thirty questions however many there are. */
function freeAfterTaken(free: (id: number) => boolean): number {
  if (free(firstProject)) return firstProject;
  let taken = firstProject;
  let step = 1;
  while (firstProject + step <= lastProject && !free(firstProject + step)) {
    taken = firstProject + step;
    step *= 2;
  }
  let open = Math.min(firstProject + step, lastProject + 1);
  while (open - taken > 1) {
    const middle = Math.floor((open + taken) / 2);
    if (free(middle)) open = middle;
    else taken = middle;
  }
  if (open <= lastProject) return open;
  throw grpcError('RESOURCE_EXHAUSTED', 'the filesystem has no project id left for another volume');
}

/** Nobody holds anything under it, and nobody set it a limit. */
function isFree(directory: Fd, id: number): boolean {
  const { inodes, usedBytes, maxBytes, maxInodes } = projectUsage(directory, id);
  return inodes === 0 && usedBytes === 0 && maxBytes === 0 && maxInodes === 0;
}

/** Takes the limit off before an entry of a pool is removed for good: afterwards nobody would know the id. */
export function releaseProject(parent: Fd, name: string): void {
  try {
    using directory = openSegment(parent, name);
    const id = ownProject(directory);
    if (id !== undefined) limitProject(directory, id, 0);
  } catch (error) {
    // A file, or a filesystem without quotas: there is no limit.
    if (!isErrno(error, 'ENOTDIR', 'ELOOP', 'ENOENT', 'ENOSYS', 'ESRCH', 'EINVAL', 'EOPNOTSUPP')) throw error;
  }
}

/** @returns undefined for a directory in no project, or in one that is not the driver's. */
function ownProject(directory: Fd): number | undefined {
  try {
    const id = projectOf(directory);
    return id >= firstProject && id <= lastProject ? id : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOTTY', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL')) return undefined;
    throw error;
  }
}

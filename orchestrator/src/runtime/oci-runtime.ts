import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, CodedError } from '@berth/kit';
import { mustRun, programPath, runProgram } from '@berth/linux';
import { boundingCapabilities } from './capabilities.ts';
import type { CgroupLayout } from './cgroups.ts';
import { armFifo, releaseByFifo, wasReleased } from './exec-fifo.ts';
import type { ExecFiles } from './exec-process.ts';
import type { ProcessId } from './records.ts';

/** A program this runtime needs is not on this machine. */
export class MissingProgramError extends CodedError<'MissingProgram'> {}

/** The programs that make containers, found once. */
export interface ContainerPrograms {
  readonly conmon: string;
  readonly oci: { readonly name: 'crun' | 'runc'; readonly path: string };
}

/**
 * crun, which is the faster, unless this machine is one it refuses to work on; there runc.
 * @throws MissingProgramError – with what to install.
 */
export async function findContainerPrograms(cgroups: CgroupLayout): Promise<ContainerPrograms> {
  const [conmon, crun, runc] = await Promise.all(['conmon', 'crun', 'runc'].map(findProgram));
  if (!conmon) throw new MissingProgramError('MissingProgram', 'conmon is not installed; apt-get install conmon');
  const refusal = crunRefusal(cgroups, boundingCapabilities());
  if (crun && !refusal) return { conmon, oci: { name: 'crun', path: crun } };
  if (runc) return { conmon, oci: { name: 'runc', path: runc } };
  const why = refusal ? `${refusal}, and runc is not installed; apt-get install runc` : undefined;
  throw new MissingProgramError('MissingProgram', why ?? 'neither crun nor runc is installed; apt-get install crun');
}

/** Why crun would fail to create any container here. Both refusals are known before a container is tried. */
function crunRefusal({ version, hybrid }: CgroupLayout, capabilities: ReadonlySet<string>): string | undefined {
  if (hybrid) return 'crun refuses v1 control groups with a v2 hierarchy beside them';
  // For the device filter, a BPF program, crun raises RLIMIT_MEMLOCK and takes a refusal as fatal.
  const mayRaise = capabilities.has('CAP_SYS_RESOURCE');
  return version === 2 && !mayRaise ? 'crun needs CAP_SYS_RESOURCE, which this machine withholds' : undefined;
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of programPath.split(':')) {
    const path = join(directory, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** The OCI runtime's own commands on containers of one `--root`. */
export class OciRuntime {
  readonly path: string;
  readonly globalArgs: readonly string[];
  readonly #root: string;

  constructor(path: string, root: string) {
    this.path = path;
    this.#root = root;
    this.globalArgs = ['--root', root];
  }

  /** Called, and its effect on disk, before the start is announced: then {@link hasStarted} can tell after a crash. */
  async prepareStart(id: string): Promise<void> {
    if (this.#releasesItself) await armFifo(this.#fifo(id));
  }

  async start(id: string, first: ProcessId | undefined, clock: Clock): Promise<void> {
    if (this.#releasesItself && (await releaseByFifo(this.#fifo(id), first, clock))) return;
    await mustRun(this.path, [...this.globalArgs, 'start', id]);
  }

  /** Kills what still runs and forgets the container. Fine where there is none. */
  async delete(id: string): Promise<void> {
    const { exitCode, stderr } = await runProgram(this.path, [...this.globalArgs, 'delete', '--force', id]);
    if (exitCode !== 0 && !/does not exist|no such/i.test(stderr)) {
      throw new CodedError('Failed', `delete container ${id}: ${stderr.trim()}`);
    }
  }

  /** The file holds the OCI specification's linux.resources. */
  async update(id: string, file: string): Promise<void> {
    await mustRun(this.path, [...this.globalArgs, 'update', '--resources', file, id]);
  }

  execArgs(id: string, files: ExecFiles, options: readonly string[] = []): string[] {
    return [...this.globalArgs, 'exec', '--pid-file', files.pidFile, '--process', files.processFile, ...options, id];
  }

  /** Whether a start that was announced did happen: the first process waits at a fifo, which is removed after it was let go. */
  async hasStarted(id: string): Promise<boolean> {
    const fifo = this.#fifo(id);
    const waiting = await access(fifo).then(
      () => true,
      () => false,
    );
    return !waiting || (this.#releasesItself && (await wasReleased(fifo)));
  }

  /** runc's fifo is written by the first process, crun's read by it. */
  get #releasesItself(): boolean {
    return this.path.endsWith('/runc');
  }

  #fifo(id: string): string {
    return join(this.#root, id, 'exec.fifo');
  }
}

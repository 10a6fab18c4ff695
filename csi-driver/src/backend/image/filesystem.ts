import { type Fd, getXattr, openFileAt, putXattr, removeXattr, syncFile } from '@berth/linux';
import { grpcError } from '@berth/protos';
import { isFsType } from './image-offer.ts';
import type { RunProgram } from './run-program.ts';
import { type FsType, readSuperblock } from './superblock.ts';

const minute = 60_000;
/** A mkfs of a terabyte takes seconds; a check of a damaged one may take long. */
const timeouts = { probe: minute / 2, make: 2 * minute, check: 10 * minute, grow: 5 * minute } as const;

/** On the image while a mkfs is at work: what is there then was never used, whatever it looks like. */
const formatting = 'trusted.berth.formatting';

export interface Device {
  readonly path: string;
  readonly fd: Fd;
}

/** Filesystems on devices, through the programs that come with them. Their exit codes are what is believed. */
export class Filesystems {
  readonly #run: RunProgram;

  constructor(run: RunProgram) {
    this.#run = run;
  }

  /**
   * What is on the device, by blkid's low-level probe. What it calls empty may still hold data of no format it knows.
   * @throws GrpcError FAILED_PRECONDITION – something that is no filesystem of ours: it is never overwritten.
   */
  async probe({ path }: Device): Promise<FsType | 'empty'> {
    const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', path];
    const { exitCode, output } = await this.#run('blkid', args, timeouts.probe);
    // blkid(8): nothing found, or the device could not be read.
    if (exitCode === 2) return 'empty';
    const type = /^TYPE=(.*)$/m.exec(output)?.[1];
    if (exitCode === 0 && isFsType(type)) return type;
    const what = type ?? (/^PTTYPE=(.*)$/m.exec(output)?.[1] ? 'a partition table' : 'several signatures');
    throw grpcError('FAILED_PRECONDITION', `${path} holds ${what}, which is neither mounted nor overwritten`);
  }

  /** @throws GrpcError INTERNAL – mkfs failed; its last words are in the message. */
  async make({ path, fd }: Device, fsType: FsType, options: readonly string[]): Promise<void> {
    const own: Record<FsType, string[]> = {
      // No discard: it would take the room of a reserved image. Lazy tables: first written when they are used.
      ext4: ['-q', '-E', 'nodiscard,lazy_itable_init=1,lazy_journal_init=1', ...defaultUnless(options, '-m', '0')],
      xfs: ['-q', '-K'],
      btrfs: ['-q', '-K'],
    };
    const program = `mkfs.${fsType}`;
    const { exitCode, output } = await this.#run(program, [...own[fsType], ...options, path], timeouts.make);
    const asked = options.length === 0 ? '' : ` with mkfsOptions "${options.join(' ')}"`;
    if (exitCode !== 0) throw grpcError('INTERNAL', `${program} ${path}${asked} failed: ${lastLine(output)}`);
    await syncFile(fd);
  }

  /**
   * Checks what was not cleanly unmounted, and repairs what can be without a decision.
   * @throws GrpcError FAILED_PRECONDITION – it needs a person.
   */
  async check({ path, fd }: Device): Promise<void> {
    const superblock = readSuperblock(fd);
    // xfs and btrfs replay their logs when mounted, and have no check that may run unasked (fsck.xfs(8)).
    if (!superblock || superblock.clean) return;
    const { exitCode, output } = await this.#run('e2fsck', ['-p', path], timeouts.check);
    if (exitCode <= 1) return;
    throw grpcError(
      'FAILED_PRECONDITION',
      `${path} has errors that e2fsck does not repair by itself (exit ${exitCode}): ${lastLine(output)}`,
    );
  }

  /** Makes an unmounted ext4 as large as its device: resize2fs asks for a full check first. */
  async growUnmounted(device: Device): Promise<void> {
    const { exitCode, output } = await this.#run('e2fsck', ['-f', '-p', device.path], timeouts.check);
    if (exitCode > 1) throw grpcError('FAILED_PRECONDITION', `e2fsck -f of ${device.path}: ${lastLine(output)}`);
    const resized = await this.#run('resize2fs', [device.path], timeouts.grow);
    if (resized.exitCode === 0) return;
    throw grpcError('INTERNAL', `resize2fs of ${device.path} failed: ${lastLine(resized.output)}`);
  }

  /**
   * Makes a mounted filesystem as large as its device.
   * @throws GrpcError FAILED_PRECONDITION – the kernel lets nobody without CAP_SYS_RESOURCE grow a mounted ext4.
   */
  async grow(device: Device, fsType: FsType, mountPoint: string): Promise<void> {
    const commands: Record<FsType, readonly [string, ...string[]]> = {
      ext4: ['resize2fs', device.path],
      xfs: ['xfs_growfs', mountPoint],
      btrfs: ['btrfs', 'filesystem', 'resize', 'max', mountPoint],
    };
    const [program, ...args] = commands[fsType];
    const { exitCode, output } = await this.#run(program, args, timeouts.grow);
    if (exitCode === 0) return;
    if (fsType === 'ext4' && output.includes('Permission denied')) {
      throw grpcError(
        'FAILED_PRECONDITION',
        'growing a mounted ext4 takes CAP_SYS_RESOURCE, which this driver has not; it grows when the volume is staged next',
      );
    }
    throw grpcError('INTERNAL', `${program} of ${device.path} failed: ${lastLine(output)}`);
  }

  /** A copy of a btrfs needs an id of its own: two with one id cannot be mounted beside each other. */
  async renew(path: string): Promise<void> {
    const { exitCode, output } = await this.#run('btrfstune', ['-f', '-m', path], timeouts.make);
    if (exitCode !== 0) throw grpcError('INTERNAL', `btrfstune failed: ${lastLine(output)}`);
  }
}

/** Says on disk that a mkfs is about to begin on an empty image; `done` takes it back. */
export async function markFormatting(images: Fd, id: string, state: 'begun' | 'done'): Promise<void> {
  const path = `${images.path}/${id}`;
  if (state === 'begun') putXattr(path, formatting, Buffer.from('1'));
  else removeXattr(path, formatting);
  using file = openFileAt(images, id, 'write');
  await syncFile(file);
}

/** Whether a mkfs was begun on the image and not seen to end. */
export function isFormatting(images: Fd, id: string): boolean {
  return getXattr(`${images.path}/${id}`, formatting) !== undefined;
}

function defaultUnless(options: readonly string[], flag: string, value: string): string[] {
  return options.includes(flag) ? [] : [flag, value];
}

function lastLine(output: string): string {
  const lines = output.trim().split('\n');
  return lines.at(-1)?.trim().slice(0, 300) || 'it said nothing';
}

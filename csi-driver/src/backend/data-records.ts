import { type Logger, messageOf } from '@berth/kit';
import { type Fd, getXattr, isErrno, putXattr } from '@berth/linux';

/** Only root of the machine sees or sets it. ext4, xfs and btrfs journal it with the name it belongs to. */
const attribute = 'trusted.berth.record';

/** Beyond it filesystems with small attributes may say that the disk is full. */
const largeBytes = 3000;

/** Keeps each volume's and snapshot's own record beside its data, as an extended attribute: for the day the catalog is lost. */
export class DataRecords {
  readonly #pool: string;
  readonly #log: Logger;
  #warned = false;

  constructor(pool: string, log: Logger) {
    this.#pool = pool;
    this.#log = log;
  }

  /** What cannot be kept is logged, and no reason to fail. @throws KernelError ENOSPC and the like – the disk's own trouble. */
  put(folder: Fd, name: string, record: Uint8Array | undefined): void {
    if (!record) return;
    try {
      putXattr(`${folder.path}/${name}`, attribute, record);
    } catch (error) {
      const cannot = isErrno(error, 'EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'E2BIG', 'ERANGE', 'EINVAL');
      if (!cannot && !(isErrno(error, 'ENOSPC', 'EDQUOT') && record.length > largeBytes)) throw error;
      if (!this.#warned) {
        this.#log.warn('records cannot be kept beside the data: a lost catalog could not be recovered', {
          pool: this.#pool,
          reason: messageOf(error),
        });
      }
      this.#warned = true;
    }
  }

  /** @returns undefined where it has none, or is not there. */
  get(folder: Fd, name: string): Buffer | undefined {
    return dataRecordOf(folder, name);
  }
}

/** The record beside an entry of a folder. @returns undefined where it has none, or is not there. */
export function dataRecordOf(folder: Fd, name: string): Buffer | undefined {
  try {
    return getXattr(`${folder.path}/${name}`, attribute);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EPERM', 'EACCES')) return undefined;
    throw error;
  }
}

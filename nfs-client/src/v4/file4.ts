import { badReply } from '../nfs-error.ts';
import type { NfsAttributes, NfsChanges } from '../protocol/nfs-attributes.ts';
import type {
  ByteRange,
  NfsExtendedFile,
  NfsFile,
  ReadResult,
  WriteRequest,
  WriteResult,
} from '../protocol/nfs-file.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import { setattr } from './change-operations.ts';
import * as data from './data-operations.ts';
import { Extended4, openStateOf } from './extended4.ts';
import type { OpenState4 } from './open-state.ts';

/** A file opened by NFSv4. */
export class File4 implements NfsFile {
  readonly attributes: NfsAttributes;
  readonly extended?: NfsExtendedFile;
  readonly [openStateOf]: OpenState4;

  constructor(state: OpenState4, attributes: NfsAttributes, options: { readonly isExtended: boolean }) {
    this[openStateOf] = state;
    this.attributes = attributes;
    if (options.isExtended) this.extended = new Extended4(state);
  }

  get handle(): NfsHandle {
    return this[openStateOf].handle;
  }

  async read(range: ByteRange, signal: AbortSignal): Promise<ReadResult> {
    const result = await this[openStateOf].run((stateid) => data.read(stateid, range), signal);
    if (result.data.length === 0 && !result.end && range.length > 0)
      throw badReply('READ sends nothing before the end');
    return result;
  }

  write(what: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return this[openStateOf].run((stateid) => data.write(stateid, what), signal);
  }

  async setattr(changes: NfsChanges, signal: AbortSignal): Promise<void> {
    await this[openStateOf].run((stateid) => setattr(stateid, changes), signal);
  }

  commit(signal: AbortSignal): Promise<string> {
    return this[openStateOf].run(() => data.commit, signal);
  }

  close(signal: AbortSignal): Promise<void> {
    return this[openStateOf].close(signal);
  }
}

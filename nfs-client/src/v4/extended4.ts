import { isNfsError, NfsError } from '../nfs-error.ts';
import type { ByteRange, CopyRange, NfsExtendedFile, NfsFile, WriteResult } from '../protocol/nfs-file.ts';
import * as ops from './extended-operations.ts';
import { File4 } from './file4.ts';
import type { Operation } from './operation.ts';
import type { Session4 } from './session4.ts';
import { putFh, saveFh } from './tree-operations.ts';

/** NFSv4.2's operations on an open file (RFC 7862); all are optional for a server. */
export class Extended4 implements NfsExtendedFile {
  readonly #session: Session4;
  readonly #file: File4;

  constructor(session: Session4, file: File4) {
    this.#session = session;
    this.#file = file;
  }

  clone(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<void> {
    return this.#between(source, (stateids) => ops.clone(stateids, range), signal);
  }

  copy(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<WriteResult> {
    return this.#between(source, (stateids) => ops.copy(stateids, range), signal);
  }

  allocate(range: ByteRange, signal: AbortSignal): Promise<void> {
    return this.#changeSpace('allocate', range, signal);
  }

  deallocate(range: ByteRange, signal: AbortSignal): Promise<void> {
    return this.#changeSpace('deallocate', range, signal);
  }

  seek(offset: number, what: 'data' | 'hole', signal: AbortSignal): Promise<ops.SeekResult> {
    const { handle } = this.#file;
    const seek = this.#file.withStateid(async (stateid) => {
      const [, result] = await this.#session.run([putFh(handle), ops.seek(stateid, { offset, what })] as const, signal);
      return result;
    }, signal);
    return seek.catch(unknownIsUnsupported);
  }

  async #changeSpace(kind: 'allocate' | 'deallocate', range: ByteRange, signal: AbortSignal): Promise<void> {
    const { handle } = this.#file;
    const change = this.#file.withStateid(
      (stateid) => this.#session.run([putFh(handle), ops.changeSpace(kind, stateid, range)], signal),
      signal,
    );
    await change.catch(unknownIsUnsupported);
  }

  #between<Result>(
    source: NfsFile,
    make: (stateids: ops.CopyStateids) => Operation<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    if (!(source instanceof File4)) throw new NfsError('INVAL', 'the files are not of one connection');
    const target = this.#file;
    const copy = source.withStateid(
      (from) =>
        target.withStateid(async (to) => {
          const operation = make({ source: from, target: to });
          const files = [putFh(source.handle), saveFh, putFh(target.handle)] as const;
          const [, , , result] = await this.#session.run([...files, operation] as const, signal);
          return result;
        }, signal),
      signal,
    );
    return copy.catch(unknownIsUnsupported);
  }
}

/** A server that has never heard of an operation calls it illegal; one that has, unsupported. */
function unknownIsUnsupported(error: unknown): never {
  if (!isNfsError(error, 'OP_ILLEGAL', 'UNION_NOTSUPP')) throw error;
  throw new NfsError('NOTSUPP', `${error.message}: the server does not have it`, { cause: error });
}

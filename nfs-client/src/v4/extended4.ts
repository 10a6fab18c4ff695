import { isNfsError, NfsError } from '../nfs-error.ts';
import type { ByteRange, CopyRange, NfsExtendedFile, NfsFile, WriteResult } from '../protocol/nfs-file.ts';
import * as ops from './extended-operations.ts';
import type { OpenState4 } from './open-state.ts';
import type { Operation } from './operation.ts';
import { putFh, saveFh } from './tree-operations.ts';

/** Where a file of NFSv4 keeps its open, for the operations on two of them. */
export const openStateOf = Symbol('openState');

/** NFSv4.2's operations on an open file (RFC 7862); all are optional for a server. */
export class Extended4 implements NfsExtendedFile {
  readonly #state: OpenState4;

  constructor(state: OpenState4) {
    this.#state = state;
  }

  clone(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<void> {
    return this.#between(source, (stateids) => ops.clone(stateids, range), signal);
  }

  copy(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<WriteResult> {
    return this.#between(source, (stateids) => ops.copy(stateids, range), signal);
  }

  allocate(range: ByteRange, signal: AbortSignal): Promise<void> {
    return this.#state
      .run((stateid) => ops.changeSpace('allocate', stateid, range), signal)
      .catch(unknownIsUnsupported);
  }

  deallocate(range: ByteRange, signal: AbortSignal): Promise<void> {
    return this.#state
      .run((stateid) => ops.changeSpace('deallocate', stateid, range), signal)
      .catch(unknownIsUnsupported);
  }

  seek(offset: number, what: 'data' | 'hole', signal: AbortSignal): Promise<ops.SeekResult> {
    return this.#state.run((stateid) => ops.seek(stateid, { offset, what }), signal).catch(unknownIsUnsupported);
  }

  #between<Result>(
    source: NfsFile,
    make: (stateids: ops.CopyStateids) => Operation<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const from = (source as { readonly [openStateOf]?: OpenState4 })[openStateOf];
    const to = this.#state;
    if (from?.session.home !== to.session.home) throw new NfsError('INVAL', 'the files are not of one connection');
    const once = (ofSource: ops.CopyStateids['source']) =>
      to.withStateid(async (ofTarget) => {
        const operation = make({ source: ofSource, target: ofTarget });
        const operations = [putFh(from.handle), saveFh, putFh(to.handle), operation] as const;
        const [, , , result] = await to.session.run(operations, signal);
        return result;
      }, signal);
    return from.withStateid(once, signal).catch(unknownIsUnsupported);
  }
}

/** A server that has never heard of an operation calls it illegal; one that has, unsupported. */
function unknownIsUnsupported(error: unknown): never {
  if (!isNfsError(error, 'OP_ILLEGAL', 'UNION_NOTSUPP')) throw error;
  throw new NfsError('NOTSUPP', `${error.message}: the server does not have it`, { cause: error });
}

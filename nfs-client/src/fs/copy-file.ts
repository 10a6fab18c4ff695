import { isNfsError, NfsError } from '../nfs-error.ts';
import type { NfsChanges } from '../protocol/nfs-attributes.ts';
import { type NfsExtendedFile, type NfsFile, stability } from '../protocol/nfs-file.ts';
import type { NameAt, NfsProtocol } from '../protocol/nfs-protocol.ts';
import type { CopyMethod, CopyResult } from './nfs-client.ts';
import { readStream } from './read-stream.ts';
import type { WriteMemory } from './write-memory.ts';
import { writeStream } from './write-stream.ts';

export interface FileCopy {
  readonly from: NameAt;
  readonly to: NameAt;
  readonly overwrite: boolean;
  /** Of the copy; default the source's mode. */
  readonly changes?: NfsChanges;
}

/** What a server says to a CLONE or COPY it can't do for these files, or at all. */
const cannot = [
  'NOTSUPP',
  'OP_ILLEGAL',
  'XDEV',
  'INVAL',
  'OFFLOAD_NO_REQS',
  'OFFLOAD_DENIED',
  'PARTNER_NOTSUPP',
] as const;

/** Copies regular files within one export, by the cheapest way the server has. Remembers what it has not. */
export class FileCopier {
  readonly #protocol: NfsProtocol;
  readonly #memory: WriteMemory;
  readonly #unsupported = new Set<CopyMethod>();

  constructor(protocol: NfsProtocol, memory: WriteMemory) {
    this.#protocol = protocol;
    this.#memory = memory;
  }

  /** A copy that fails leaves no file behind, unless there was one to overwrite. @throws NfsError EXIST – the target is there. */
  async copy({ from, to, overwrite, changes }: FileCopy, signal: AbortSignal): Promise<CopyResult> {
    const source = await this.#protocol.open(from, { access: 'read' }, signal);
    try {
      const set = { mode: source.attributes.mode, sizeBytes: 0, ...changes };
      const create = overwrite ? 'ifAbsent' : 'exclusive';
      const target = await this.#protocol.open(to, { access: 'write', create, changes: set }, signal);
      const result = await this.#fill(source, target, signal).catch(async (error: unknown) => {
        await this.#undo(target, overwrite ? undefined : to);
        throw error;
      });
      await target.close(signal);
      return result;
    } finally {
      await closeAnyway(source);
    }
  }

  async #fill(source: NfsFile, target: NfsFile, signal: AbortSignal): Promise<CopyResult> {
    const bytes = source.attributes.sizeBytes;
    const extended = target.extended;
    if (extended && bytes > 0) {
      if (await this.#try('clone', () => extended.clone(source, { sourceOffset: 0, offset: 0, length: 0 }, signal)))
        return { method: 'clone', bytes };
      if (await this.#try('server', () => copyOnServer(extended, { source, target }, signal)))
        return { method: 'server', bytes };
    }
    const { readBytes, writeBytes } = this.#protocol.limits;
    const data = readStream(source, { chunkBytes: readBytes }, signal);
    const how = { offset: 0, chunkBytes: writeBytes, memory: this.#memory, signal, holes: true };
    return { method: 'client', bytes: await writeStream(target, data, how) };
  }

  async #try(method: CopyMethod, run: () => Promise<void>): Promise<boolean> {
    if (this.#unsupported.has(method)) return false;
    try {
      await run();
      return true;
    } catch (error) {
      if (!isNfsError(error, ...cannot)) throw error;
      if (isNfsError(error, 'NOTSUPP', 'OP_ILLEGAL')) this.#unsupported.add(method);
      return false;
    }
  }

  /** Runs after a failure, perhaps an abort, so it must not depend on the caller's signal. */
  async #undo(target: NfsFile, at: NameAt | undefined): Promise<void> {
    await closeAnyway(target);
    if (at) await this.#protocol.remove(at, new AbortController().signal).catch(() => undefined);
  }
}

async function closeAnyway(file: NfsFile): Promise<void> {
  await file.close(new AbortController().signal).catch(() => undefined);
}

/** A server that restarts in every copy is not to be waited out. */
const maxRounds = 4;

async function copyOnServer(
  extended: NfsExtendedFile,
  { source, target }: { readonly source: NfsFile; readonly target: NfsFile },
  signal: AbortSignal,
): Promise<void> {
  for (let round = 1; round <= maxRounds; round++) {
    const verifiers = await copyOnce(extended, source, signal);
    if (verifiers.size === 0) return;
    const committed = await target.commit(signal);
    if (verifiers.values().every((verifier) => verifier === committed)) return;
  }
  throw new NfsError('IO', `the server lost the copy ${maxRounds} times before it was on stable storage`);
}

/** The verifiers of what is not stable yet. */
async function copyOnce(extended: NfsExtendedFile, source: NfsFile, signal: AbortSignal): Promise<Set<string>> {
  const size = source.attributes.sizeBytes;
  const verifiers = new Set<string>();
  for (let at = 0; at < size; ) {
    const range = { sourceOffset: at, offset: at, length: size - at };
    const { bytes, committed, verifier } = await extended.copy(source, range, signal);
    // The source has become shorter.
    if (bytes === 0) break;
    if (committed === stability.unstable) verifiers.add(verifier);
    at += bytes;
  }
  return verifiers;
}

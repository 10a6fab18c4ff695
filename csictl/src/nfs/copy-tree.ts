import { messageOf } from '@berth/kit';
import { type CopyEntry, type CopySource, type CopyTarget, childOf, nameOf } from './copy-place.ts';

export interface CopyProgress {
  readonly files: number;
  readonly bytes: number;
}

export interface CopyTask {
  readonly source: CopySource;
  readonly target: CopyTarget;
  /** Told after each chunk and file. */
  readonly onProgress: (progress: CopyProgress) => void;
  /** Told of what is left out, and why; the rest is copied. */
  readonly onSkip: (path: string, why: string) => void;
}

/** Copies an entry, with all below it, to a path of the target; symlinks stay symlinks. What fails is told and left out. */
export async function copyEntry(
  task: CopyTask,
  { entry, to }: { readonly entry: CopyEntry; readonly to: string },
  signal: AbortSignal,
): Promise<CopyProgress> {
  const done = { files: 0, bytes: 0 };
  const pending = [{ entry, to }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    signal.throwIfAborted();
    try {
      pending.push(...(await copyOne(task, next, { done, signal })));
    } catch (error) {
      signal.throwIfAborted();
      task.onSkip(next.entry.path || '.', messageOf(error));
    }
  }
  return done;
}

interface Context {
  readonly done: { files: number; bytes: number };
  readonly signal: AbortSignal;
}

/** @returns what lies below, still to be copied. */
async function copyOne(
  { source, target, onProgress, onSkip }: CopyTask,
  { entry, to }: { readonly entry: CopyEntry; readonly to: string },
  { done, signal }: Context,
): Promise<{ entry: CopyEntry; to: string }[]> {
  const { path, type, mode } = entry;
  if (type === 'other') {
    onSkip(path, 'neither a file, a directory nor a symlink');
    return [];
  }
  if (type === 'directory') {
    await target.makeDirectory(to, mode, signal);
    const below: { entry: CopyEntry; to: string }[] = [];
    for await (const child of source.entries(path, signal))
      below.push({ entry: child, to: childOf(to, nameOf(child.path)) });
    return below;
  }
  if (type === 'symlink') await target.symlink(to, await source.readlink(path, signal), signal);
  else {
    const counted = count(source.read(path, signal), (bytes) => {
      done.bytes += bytes;
      onProgress(done);
    });
    await target.write(to, counted, { mode, signal });
  }
  done.files++;
  onProgress(done);
  return [];
}

async function* count(content: AsyncIterable<Uint8Array>, tell: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    yield chunk;
    tell(chunk.length);
  }
}

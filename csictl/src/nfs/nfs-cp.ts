import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Given } from '../command-action.ts';
import { CsictlError } from '../csictl-error.ts';
import { formatBytes } from '../output/format-bytes.ts';
import { printable } from '../output/format-table.ts';
import type { Session } from '../session.ts';
import { type CopyEntry, type CopySource, type CopyTarget, childOf, nameOf, parentOf } from './copy-place.ts';
import { type CopyProgress, copyEntry } from './copy-tree.ts';
import { LocalPlace } from './local-place.ts';
import { naming } from './named-failure.ts';
import { NfsPlace } from './nfs-place.ts';
import { isNfsUrl, parseNfsUrl } from './nfs-url.ts';
import { openNfs } from './open-nfs.ts';

/** One side of a copy: a place, and the path in it that was named. */
interface Side {
  readonly place: CopySource & CopyTarget;
  readonly path: string;
  /** Equal for two sides on one tree. */
  readonly tree: string;
}

/** `csictl nfs cp FROM TO`: between servers, and between a server and this machine. */
export async function nfsCopy(session: Session, { arguments: given, flags }: Given): Promise<void> {
  const [from = '', to = ''] = given as string[];
  if (!isNfsUrl(from) && !isNfsUrl(to))
    throw new CsictlError('USAGE', 'neither side is on a server', { hint: 'name one as nfs://SERVER/EXPORT/PATH' });
  await using stack = new AsyncDisposableStack();
  const { signal } = session;
  const source = await openSide(from, session, stack);
  const target = await openSide(to, session, stack);
  const entry = await naming(from, () => look(source, signal));
  if (!entry) throw new CsictlError('NOT_FOUND', `${from}: no such file or directory`);
  if (entry.type === 'directory' && flags['recursive'] !== true)
    throw new CsictlError('USAGE', `${from} is a directory`, { hint: 'copy it with all below: -r' });
  const path = await targetPath(target, entry, { from, to, signal });
  refuseInside(source, { ...target, path });
  const { show, finish } = progressOf(session);
  let skipped = 0;
  const onSkip = (what: string, why: string) => {
    skipped++;
    session.terminal.err(`csictl: ${printable(what)}: ${printable(why)}\n`);
  };
  const task = { source: source.place, target: target.place, onProgress: show, onSkip };
  const done = await copyEntry(task, { entry, to: path }, signal);
  finish(done);
  if (skipped > 0) throw new CsictlError('FAILED', `${skipped} entries were not copied`);
}

async function openSide(text: string, session: Session, stack: AsyncDisposableStack): Promise<Side> {
  if (isNfsUrl(text)) {
    const url = parseNfsUrl(text);
    const { client, path, place } = stack.use(await naming(text, () => openNfs(url, session)));
    return { place: new NfsPlace(client), path, tree: place };
  }
  // What the user names is followed; what lies below is not.
  const whole = followed(resolve(text));
  const folder = followed(dirname(whole));
  if (!isDirectory(folder)) throw new CsictlError('NOT_FOUND', `${folder}: no such directory`);
  return { place: stack.use(new LocalPlace(folder)), path: basename(whole), tree: `local ${folder}` };
}

function look({ place, path }: Side, signal: AbortSignal): Promise<CopyEntry | undefined> {
  return path === '' ? place.stat('', signal) : place.find(path, signal);
}

/** A directory takes the copy under its old name; any other path is the copy's own. */
async function targetPath(
  target: Side,
  entry: CopyEntry,
  { from, to, signal }: { readonly from: string; readonly to: string; readonly signal: AbortSignal },
): Promise<string> {
  const { path } = target;
  const there = await naming(to, () => look(target, signal));
  if (!there) await checkFolder(target, to, signal);
  if (there?.type === 'other' || there?.type === 'symlink')
    throw new CsictlError('FAILED', `${to} is no file and no directory; it stays as it is`, {
      hint: 'csictl nfs cat URL > PATH writes into a device, a fifo or a symlink of this machine',
    });
  if (there?.type !== 'directory') return path;
  const name = nameOf(entry.path) || basename(isNfsUrl(from) ? parseNfsUrl(from).path : resolve(from));
  if (name === '') throw new CsictlError('USAGE', `${from} has no name of its own`, { hint: 'name the copy as well' });
  return childOf(path, name);
}

/** @throws CsictlError NOT_FOUND – nothing can be put where no directory is. */
async function checkFolder(target: Side, to: string, signal: AbortSignal): Promise<void> {
  const above = { ...target, path: parentOf(target.path) };
  if ((await naming(to, () => look(above, signal)))?.type === 'directory') return;
  throw new CsictlError('NOT_FOUND', `${to}: there is no directory to put it into`);
}

/** A copy inside itself would never end. */
function refuseInside(source: Side, target: Side): void {
  if (source.tree !== target.tree) return;
  for (let path = target.path; ; path = parentOf(path)) {
    if (path === source.path) throw new CsictlError('USAGE', 'the copy would be inside itself');
    if (path === '') return;
  }
}

function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A line that is written over, on a terminal alone. */
function progressOf({ terminal, now }: Session): {
  show: (done: CopyProgress) => void;
  finish: (done: CopyProgress) => void;
} {
  const started = now();
  let shown = started;
  const line = ({ files, bytes }: CopyProgress) => {
    const perSecond = bytes / Math.max((now() - started) / 1000, 0.001);
    return `${files} files, ${formatBytes(bytes)}, ${formatBytes(Math.round(perSecond))}/s`;
  };
  return {
    show: (done) => {
      if (!terminal.isInteractive || now() - shown < 200) return;
      shown = now();
      terminal.err(`\r\u001b[K${line(done)}`);
    },
    finish: (done) => terminal.err(terminal.isInteractive ? `\r\u001b[K${line(done)}\n` : ''),
  };
}

import { rm } from 'node:fs/promises';
import { messageOf, writeFileDurably } from '@berth/kit';
import { BerthError } from './berth-error.ts';
import { prepareFile } from './prepare-file.ts';
import type { RunningServer } from './start-server.ts';
import type { Terminal } from './terminal.ts';

interface Announcement {
  readonly server: Pick<RunningServer, 'url'>;
  readonly kubeconfig: string;
  /** What else there is: `, 3 nodes`. */
  readonly what: string;
}

/** Makes the ready file's folder. @throws BerthError Usage – no file can be there: who waits for it would wait for ever. */
export async function prepareReadyFile(file: string): Promise<void> {
  await explaining(file, () => prepareFile(file));
}

/** Takes away what an earlier run wrote: nothing is ready yet. @throws BerthError Usage – it cannot be removed. */
export async function withdrawReadyFile(file: string): Promise<void> {
  await explaining(file, () => rm(file, { force: true }));
}

async function explaining(file: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    throw new BerthError('Usage', `cannot write the ready file ${file}: ${messageOf(cause)}`, {
      hint: 'name another file: berth up --ready-file FILE',
      cause,
    });
  }
}

/** Says that all is ready, to who looks on and to who waits for the file, which is there until what is returned is disposed of. */
export async function announce(
  { terminal, readyFile }: { readonly terminal: Terminal; readonly readyFile?: string },
  { server: { url }, kubeconfig, what }: Announcement,
): Promise<AsyncDisposable> {
  const startedInMs = Math.round(performance.now());
  terminal.err(`berth: ready in ${startedInMs} ms: ${url}${what}\n`);
  terminal.out(`export KUBECONFIG=${shellWord(kubeconfig)}\n`);
  if (readyFile === undefined) return { [Symbol.asyncDispose]: async () => undefined };
  const ready = { kubeconfig, server: url, pid: process.pid, startedInMs };
  const told = (what: string) => (error: unknown) =>
    terminal.err(`berth: cannot ${what} ${readyFile}: ${messageOf(error)}\n`);
  await writeFileDurably(readyFile, `${JSON.stringify(ready)}\n`, 0o644).catch(told('write'));
  return { [Symbol.asyncDispose]: () => rm(readyFile, { force: true }).catch(told('remove')) };
}

/** As a shell reads it back: the line is there to be pasted, or given to eval. */
function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

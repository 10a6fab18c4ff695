import { messageOf, writeFileDurably } from '@berth/kit';
import type { RunningServer } from './start-server.ts';
import type { Terminal } from './terminal.ts';

interface Announcement {
  readonly server: RunningServer;
  readonly kubeconfig: string;
  /** What else there is: `, 3 nodes`. */
  readonly what: string;
}

/** Says that all is ready, to who looks on and to who waits for the file. */
export async function announce(
  { terminal, readyFile }: { readonly terminal: Terminal; readonly readyFile?: string },
  { server: { url }, kubeconfig, what }: Announcement,
): Promise<void> {
  const startedInMs = Math.round(performance.now());
  terminal.err(`berth: ready in ${startedInMs} ms: ${url}${what}\n`);
  terminal.out(`export KUBECONFIG=${kubeconfig}\n`);
  if (readyFile === undefined) return;
  const ready = { kubeconfig, server: url, pid: process.pid, startedInMs };
  try {
    await writeFileDurably(readyFile, `${JSON.stringify(ready)}\n`, 0o644);
  } catch (error) {
    terminal.err(`berth: cannot write ${readyFile}: ${messageOf(error)}\n`);
  }
}

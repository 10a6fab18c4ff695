import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Clock, messageOf } from '@berth/kit';
import { loadKubeconfig } from '@berth/kube';
import { writeBackup } from '../store/backup-file.ts';
import { backupContentType } from '../store/backup-stream.ts';
import { BerthError } from './berth-error.ts';

/** A server gives the first rows at once, unless it still gives them to another backup, or compacts. */
const soonMs = 2_000;

interface Fetching {
  readonly to: string;
  readonly clock: Clock;
  /** Told once, where there is nothing yet after a while. */
  readonly waits: () => void;
}

/** Writes a backup of the server of a kubeconfig to a file. @throws BerthError Failed – it gives none, or ended. */
export async function fetchBackup(kubeconfig: string, fetching: Fetching): Promise<void> {
  const { server, ca, cert, key } = (await loadKubeconfig(kubeconfig)).transport;
  const response = await new Promise<IncomingMessage>((answer, fail) => {
    request(new URL('/berth/v1/backup', server), { ca, cert, key } as object)
      .on('response', answer)
      .on('error', (error) => fail(brokenOff(server, error)))
      .end();
  });
  await receiveBackup(response, { server, ...fetching });
}

export async function receiveBackup(
  response: IncomingMessage,
  { server, to, clock, waits }: Fetching & { readonly server: string },
): Promise<void> {
  if (response.statusCode !== 200) {
    const why = messageIn(await text(response));
    throw new BerthError('Failed', `the server at ${server} answers ${response.statusCode} to a backup${why}`);
  }
  if (response.headers['content-type'] !== backupContentType)
    throw new BerthError('Failed', `the server at ${server} is of another version`, { hint: 'start it anew' });
  using waiting = clock.schedule(soonMs, waits);
  await writeBackup(chunksOf(response, { server, begun: () => waiting[Symbol.dispose]() }), to);
}

/** What fails on the way here is not taken for the file's failure. */
async function* chunksOf(
  response: IncomingMessage,
  { server, begun }: { readonly server: string; readonly begun: () => void },
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) {
      begun();
      yield chunk;
    }
  } catch (error) {
    throw brokenOff(server, error);
  }
}

function brokenOff(server: string, cause: unknown): BerthError {
  return new BerthError('Failed', `the server at ${server} gave no whole backup: ${messageOf(cause)}`, { cause });
}

/** What a Status says. */
function messageIn(body: string): string {
  try {
    return `: ${JSON.parse(body).message}`;
  } catch {
    return '';
  }
}

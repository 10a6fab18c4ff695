import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { messageOf } from '@berth/kit';
import { loadKubeconfig } from '@berth/kube';
import { writeBackup } from '../store/backup-file.ts';
import { backupContentType } from '../store/backup-stream.ts';
import { BerthError } from './berth-error.ts';

/** Writes a backup of the server of a kubeconfig to a file. @throws BerthError Failed – it gives none, or ended. */
export async function fetchBackup(kubeconfig: string, to: string): Promise<void> {
  const { server, ca, cert, key } = (await loadKubeconfig(kubeconfig)).transport;
  const response = await new Promise<IncomingMessage>((answer, fail) => {
    request(new URL('/berth/v1/backup', server), { ca, cert, key } as object)
      .on('response', answer)
      .on('error', (error) => fail(brokenOff(server, error)))
      .end();
  });
  await receiveBackup(response, { server, to });
}

export async function receiveBackup(
  response: IncomingMessage,
  { server, to }: { readonly server: string; readonly to: string },
): Promise<void> {
  if (response.statusCode !== 200) {
    const why = messageIn(await text(response));
    throw new BerthError('Failed', `the server at ${server} answers ${response.statusCode} to a backup${why}`);
  }
  if (response.headers['content-type'] !== backupContentType)
    throw new BerthError('Failed', `the server at ${server} is of another version`, { hint: 'start it anew' });
  await writeBackup(chunksOf(response, server), to);
}

/** What fails on the way here is not taken for the file's failure. */
async function* chunksOf(response: IncomingMessage, server: string): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
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

import { apiError } from '@berth/kube';
import type { WantedStreams } from './remote-streams.ts';

/** Which of a command's streams a query asks for (cri-streaming, NewOptions). @throws ApiError BadRequest – none */
export function wantedStreams(query: URLSearchParams): WantedStreams {
  const wants = (name: string) => ['true', '1', 't', 'T', 'TRUE', 'True'].includes(query.get(name) ?? '');
  const tty = wants('tty');
  const wanted = { stdin: wants('stdin'), stdout: wants('stdout'), stderr: wants('stderr') && !tty, tty };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw apiError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return wanted;
}

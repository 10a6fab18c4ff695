import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ProbeAnswer } from './probe-answer.ts';

export interface HttpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** More of a body is not shown in events (pkg/probe/http maxRespBodyLength). */
const maxBodyBytes = 10 * 1024;
const maxRedirects = 10;
/** Answers that say where to look instead (net/http redirectBehavior). */
const followed = [301, 302, 303, 307, 308];

/** GETs a URL; 200 to 399 is success, of which those from 300 on are worth a warning. Certificates are not checked, redirects stay on the host (pkg/probe/http). */
export async function probeHttp(target: HttpTarget, signal: AbortSignal): Promise<ProbeAnswer> {
  let url = target.url;
  for (let hop = 0; hop < maxRedirects; hop++) {
    const answer = await get({ ...target, url }, signal);
    if ('error' in answer) return { result: 'failure', output: `Get "${url.href}": ${answer.error}` };
    const next = redirectOf(answer, url);
    if (!next || next.hostname !== target.url.hostname) return verdict(answer);
    url = next;
  }
  return { result: 'failure', output: `Get "${url.href}": stopped after ${maxRedirects} redirects` };
}

interface Response {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

function verdict({ status, body }: Response): ProbeAnswer {
  if (status >= 200 && status < 300) return { result: 'success', output: body };
  if (status >= 300 && status < 400)
    return { result: 'success', warning: true, output: `Probe terminated redirects, Response body: ${body}` };
  return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
}

function redirectOf({ status, location }: Response, from: URL): URL | undefined {
  if (!followed.includes(status) || location === undefined || !URL.canParse(location, from)) return undefined;
  return new URL(location, from);
}

function get({ url, headers }: HttpTarget, signal: AbortSignal): Promise<Response | { error: string }> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ error: signal.aborted ? timeoutText : dialText(error) });
    const options = { headers, signal, agent: false as const, rejectUnauthorized: false };
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const call = send(url, options, (response) => readBody(response, resolve, fail));
    call.on('error', fail);
    call.end();
  });
}

const timeoutText = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

function readBody(response: IncomingMessage, resolve: (response: Response) => void, fail: (error: Error) => void) {
  const chunks: Buffer[] = [];
  let size = 0;
  const done = () =>
    resolve({
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body: Buffer.concat(chunks).subarray(0, maxBodyBytes).toString(),
    });
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < maxBodyBytes) return;
    done();
    response.destroy();
  });
  response.on('end', done);
  response.on('error', fail);
}

/** Go's words for a failed connection. */
export function dialText(error: Error): string {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const words: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
  };
  if (code === 'ECONNRESET') return 'EOF';
  const text = code === undefined ? undefined : words[code];
  if (text === undefined || address === undefined) return error.message;
  return `dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}: ${text}`;
}

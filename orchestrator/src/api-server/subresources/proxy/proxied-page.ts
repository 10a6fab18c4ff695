import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Headers } from '../../aggregation/forwarded-headers.ts';
import { joined } from '../../http/joined.ts';
import { rewriteLinks } from './rewrite-links.ts';

/** Pages beyond it are passed on as they are: a whole one is held in memory. */
const longestBytes = 1024 * 1024;

export interface ProxiedBody {
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A page of HTML, with its links leading through this proxy (util/proxy rewriteResponse); anything else as it comes. */
export async function proxiedPage(
  message: IncomingMessage,
  headers: Headers,
  placeOf: (link: string) => string | undefined,
): Promise<ProxiedBody> {
  const asItIs = { headers, chunks: message as AsyncIterable<Uint8Array> };
  const { 'content-type': type = '', 'content-encoding': coding = '' } = message.headers;
  const isPage = type.split(';', 1)[0]?.trim() === 'text/html';
  if (!isPage || !['', 'gzip'].includes(coding)) return asItIs;
  const read: Uint8Array[] = [];
  const rest = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let bytes = 0;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    read.push(next.value);
    bytes += next.value.length;
    if (bytes > longestBytes) return { headers, chunks: joined(read, rest) };
  }
  const whole = Buffer.concat(read);
  const text = coding === 'gzip' ? await unpacked(whole) : whole;
  if (!text) return { headers, chunks: joined([whole], rest) };
  // Whatever its characters are: those of links and tags are ASCII.
  const page = Buffer.from(rewriteLinks(text.toString('latin1'), placeOf), 'latin1');
  const body = coding === 'gzip' ? await promisify(gzip)(page) : page;
  return { headers: { ...headers, 'content-length': String(body.length) }, chunks: joined([body], rest) };
}

async function unpacked(packed: Buffer): Promise<Buffer | undefined> {
  return promisify(gunzip)(packed, { maxOutputLength: longestBytes }).catch(() => undefined);
}

import { posix } from 'node:path';
import type { ServerRequest } from '../server-request.ts';

/**
 * What a server behind this one is asked for: the path and query as they were read here, written anew as by Go, with the
 * query by its names (kube-aggregator proxyHandler: URL.Path and Query().Encode()). So it sees what was authorized.
 */
export function sentTarget({ path, query, wire }: Pick<ServerRequest, 'path' | 'query' | 'wire'>): string {
  if (query.size === 0) return sentPath(path);
  // Bytes that are no text are lost in what was read.
  const url = wire?.message.url ?? '';
  const at = url.indexOf('?');
  return `${sentPath(path)}?${sentQuery(at < 0 ? query.toString() : url.slice(at + 1))}`;
}

/** Where a request came to, in words of the server it went to (apimachinery util/proxy Transport). */
export function forwardedUri(target: string): string {
  return posix.normalize(target.split('?', 1)[0] as string);
}

function sentPath(path: string): string {
  return escaped(unescaped(path), /[^\w\-.~$&+,/:;=@]/g);
}

/** Go passes over what has an escape that is none, or a semicolon (net/url parseQuery). */
function sentQuery(text: string): string {
  const pairs = text.split('&').filter((pair) => pair !== '' && !/;|%(?![\da-f]{2})/i.test(pair));
  const read = pairs.map((pair) => {
    const [, name = '', value = ''] = /^([^=]*)=?([\s\S]*)$/.exec(pair.replaceAll('+', ' ')) ?? [];
    return [unescaped(name), unescaped(value)] as const;
  });
  const names = read.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return names.map(([name, value]) => `${escapedWord(name)}=${escapedWord(value)}`).join('&');
}

function escapedWord(text: string): string {
  return escaped(text, /[^\w\-.~ ]/g).replaceAll(' ', '+');
}

/** Each character a byte. */
function unescaped(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function escaped(bytes: string, others: RegExp): string {
  return bytes.replace(others, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

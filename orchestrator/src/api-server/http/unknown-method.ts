import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const token = "[\\w!#$%&'*+.^`|~-]+";
const requestLine = new RegExp(`^(${token}) (\\S+) HTTP/1\\.([01])$`);
const headerLine = new RegExp(`^(${token}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`);

interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/**
 * A request whose method Node's parser does not know and Go's server does, by its bytes; undefined: it is none, or has not come
 * with all of its head. It is the last of its connection: where its body ends nobody tells.
 */
export function unknownMethod(
  { code, rawPacket, bytesParsed = 0 }: ParseError,
  socket: Duplex,
): IncomingMessage | undefined {
  if (code !== 'HPE_INVALID_METHOD' || !rawPacket) return undefined;
  const text = rawPacket.toString('latin1');
  // The parser ends within the method.
  const begin = bytesParsed - (new RegExp(`${token}$`).exec(text.slice(0, bytesParsed))?.[0].length ?? 0);
  const end = text.indexOf('\r\n\r\n', begin);
  const [first = '', ...lines] = end < 0 ? [] : text.slice(begin, end).split('\r\n');
  const [, method, url, minor] = requestLine.exec(first) ?? [];
  const headers = lines.map((line) => headerLine.exec(line)?.slice(1, 3));
  if (method === undefined || url === undefined || headers.includes(undefined)) return undefined;
  const message = new IncomingMessage(socket as Socket);
  const version = { httpVersionMajor: 1, httpVersionMinor: Number(minor), httpVersion: `1.${minor}` };
  Object.assign(message, { method, url, ...version, rawHeaders: headers.flat(), complete: true });
  message.push(null);
  return message;
}

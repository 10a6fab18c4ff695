import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const token = "[\\w!#$%&'*+.^`|~-]+";
const requestLine = new RegExp(`^(${token}) ([\\x21-\\x7e\\x80-\\xff]+) HTTP/1\\.(\\d)$`);
const headerLine = new RegExp(`^(${token}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`);

interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** What Node's parser says of a method it does not know. */
const unknownMethod = 'HPE_INVALID_METHOD';
/** What it says of other request lines that Go's server reads: a target with bytes beyond ASCII, or of another form; a method of other protocols; HTTP/1.2 and later. */
const otherLines: ReadonlySet<string> = new Set(['HPE_INVALID_URL', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_VERSION']);

/**
 * A request whose line Node's parser does not read and Go's server does, by its bytes; undefined: it is none, has not come
 * with all of its head, or has a body that somebody would read. It is the last of its connection: where its body ends nobody tells.
 */
export function unparsedRequest(
  { code = '', rawPacket, bytesParsed = 0 }: ParseError,
  socket: Duplex,
): IncomingMessage | undefined {
  const isMethod = code === unknownMethod;
  if (!rawPacket || !(isMethod || otherLines.has(code))) return undefined;
  const text = rawPacket.toString('latin1');
  // The parser ends within the method, further on in its line, or right behind that.
  const before = isMethod ? (new RegExp(`${token}$`).exec(text.slice(0, bytesParsed))?.[0].length ?? 0) : 0;
  const begin = isMethod ? bytesParsed - before : text.lastIndexOf('\n', bytesParsed - 2) + 1;
  const end = text.indexOf('\r\n\r\n', begin);
  const [first = '', ...lines] = end < 0 ? [] : text.slice(begin, end).split('\r\n');
  const [, method, target, minor] = requestLine.exec(first) ?? [];
  const headers = lines.map((line) => headerLine.exec(line)?.slice(1, 3));
  if (method === undefined || target === undefined || headers.includes(undefined)) return undefined;
  const message = new IncomingMessage(socket as Socket);
  const url = target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  const version = { httpVersionMajor: 1, httpVersionMinor: Number(minor), httpVersion: `1.${minor}` };
  Object.assign(message, { method, url, ...version, rawHeaders: headers.flat(), complete: true });
  message.push(null);
  const { 'content-length': length = '0', 'transfer-encoding': coding } = message.headers;
  return isMethod || (length === '0' && coding === undefined) ? message : undefined;
}

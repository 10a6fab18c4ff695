import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { linger } from './refuse.ts';

/** The answer on a connection that Node's server has let go of; it ends with it. */
export function soleResponse(message: IncomingMessage, socket: Duplex): Http2ServerResponse {
  const response = new ServerResponse(message);
  response.assignSocket(socket as Socket);
  response.shouldKeepAlive = false;
  response.once('finish', () => {
    socket.end();
    linger(socket);
  });
  return response as unknown as Http2ServerResponse;
}

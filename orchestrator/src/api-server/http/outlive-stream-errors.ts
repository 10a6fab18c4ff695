import type { ServerHttp2Session } from 'node:http2';
import type { Clock } from '@berth/kit';

/** NGHTTP2_ERR_PROTO. */
const protocolError = -505;
/** How long a client may take to show that its connection lives. */
const answerMs = 1000;

/**
 * A request that breaks HTTP/2's rules – a body longer than it says – ends alone, as with Go's server: Node would end its
 * connection, and each watch on it. The library has reset the request by then; where a rule of the connection is broken it sends
 * GOAWAY, and then nothing: no ping that would be answered either.
 */
export function outliveStreamErrors(session: ServerHttp2Session, clock: Clock): void {
  const destroy = session.destroy.bind(session);
  let limit: Disposable | undefined;
  const check = (error: Error) => {
    if (session.destroyed || limit) return;
    limit = clock.schedule(answerMs, () => destroy(error));
    session.ping((failed) => {
      if (failed) return destroy(error);
      limit?.[Symbol.dispose]();
      limit = undefined;
    });
  };
  session.once('close', () => limit?.[Symbol.dispose]());
  session.destroy = (error, code) => {
    const isBroken = error instanceof Error && (error as NodeJS.ErrnoException).errno === protocolError;
    if (!isBroken || code !== undefined || session.closed) return destroy(error, code);
    // Not in the middle of what the library reads.
    setImmediate(() => check(error));
  };
}

import type { ServerHttp2Stream } from 'node:http2';

/** A request with no more headers is not looked at further: clients send ten or twenty, a user's groups beside them. */
const fewFields = 64;
/** Node keeps 400 bytes of each header, of what takes a byte to send, and frees all in one turn: 50 MB, and 20 ms. */
const mostFields = 128 * 1024;

/** The headers of large HTTP/2 requests that are not answered yet, of all connections. */
export class LargeHeads {
  #fields = 0;

  /** False: there are too many. Who is told that its request was refused (RFC 9113 §8.7) sends it again; Go's client does. */
  admits(stream: ServerHttp2Stream, fields: number): boolean {
    if (fields <= fewFields) return true;
    if (this.#fields + fields > mostFields) return false;
    this.#fields += fields;
    let isCounted = true;
    const answered = () => {
      if (isCounted) this.#fields -= fields;
      isCounted = false;
    };
    stream.once('close', answered);
    // A watch lasts, and its client may have many.
    const respond = stream.respond.bind(stream);
    stream.respond = (...answer) => {
      answered();
      respond(...answer);
    };
    return true;
  }
}

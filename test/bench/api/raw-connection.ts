import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** From the request to the first and the last byte of the answer. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Where all connections read to, one after the other: no longer than a TLS record. */
const read = Buffer.allocUnsafeSlow(16 * 1024);

/**
 * One HTTP/1.1 connection over TLS with one request at a time, and no more of a client than it takes to measure a server on the
 * same two cores: requests are bytes, answers are cut out of the stream by their length.
 */
export class RawConnection implements Disposable {
  readonly #socket: TLSSocket;
  readonly #head: string;
  #onData: (data: Buffer) => void = () => undefined;
  #onEnd: (error: Error) => void = () => undefined;

  private constructor(socket: TLSSocket, { host, token }: Endpoint) {
    this.#socket = socket;
    this.#head = ` HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nAccept: application/json\r\n`;
    socket.setNoDelay(true);
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('close', () => this.#onEnd(new Error('the server closed the connection')));
  }

  static open(endpoint: Endpoint): Promise<RawConnection> {
    const { host, port, ca } = endpoint;
    return new Promise((resolve, reject) => {
      let connection: RawConnection | undefined;
      const callback = (bytes: number) => {
        if (connection) connection.#onData(read.subarray(0, bytes));
        return true;
      };
      const tls = { ca, ALPNProtocols: ['http/1.1'], servername: 'localhost' };
      const options = { host, port, ...tls, onread: { buffer: read, callback } } as ConnectionOptions;
      const socket = connect(options, () => {
        socket.off('error', reject);
        connection = new RawConnection(socket, endpoint);
        resolve(connection);
      });
      socket.once('error', reject);
    });
  }

  ask(method: string, path: string, body = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const reader = new AnswerReader(resolve);
      this.#onData = (data) => reader.take(data);
      this.#onEnd = reject;
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const content = body === '' ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
      this.#socket.write(`${method} ${path}${this.#head}${content}\r\n${body}`);
    });
  }

  /** Asks for the same again as soon as it was answered, for as long as `more` says so; answers are only checked and measured. */
  repeat(path: string, more: () => boolean): Promise<void> {
    const request = Buffer.from(`GET ${path}${this.#head}\r\n`);
    return new Promise((resolve, reject) => {
      let left = 0;
      const next = () => (more() ? this.#socket.write(request) : resolve());
      this.#onEnd = reject;
      this.#onData = (data) => {
        if (left === 0) left = lengthOf(data);
        left -= data.length;
        if (left === 0) next();
        else if (!(left > 0)) reject(new Error(`GET ${path}: ${data.toString('latin1', 0, 300)}`));
      };
      next();
    });
  }

  /** Sends a watch and tells of all that comes for it, which is gone after the call. The connection serves nothing else from then on. */
  watch(path: string, onData: (data: Buffer) => void, onEnd: (error: Error) => void): void {
    // On a slow machine it may have waited for its first request for longer than the server does.
    if (this.#socket.destroyed) throw new Error('the server closed the connection');
    this.#onData = onData;
    this.#onEnd = onEnd;
    this.#socket.write(`GET ${path}${this.#head}\r\n`);
  }

  [Symbol.dispose](): void {
    this.#onEnd = () => undefined;
    this.#socket.destroy();
  }
}

/** Bytes of an answer of success, by its head; none: it is another. */
function lengthOf(data: Buffer): number {
  const end = data.indexOf('\r\n\r\n') + 4;
  const head = data.toString('latin1', 0, end);
  const length = /\ncontent-length: (\d+)\r/i.exec(head)?.[1];
  return head.startsWith('HTTP/1.1 200 ') ? end + Number(length) : Number.NaN;
}

/** Puts one answer together. */
class AnswerReader {
  readonly #started = performance.now();
  readonly #done: (answer: Answer) => void;
  readonly #parts: Buffer[] = [];
  #head = '';
  #firstMs = 0;
  #have = 0;
  #tail = '';
  /** Bytes of head and body, and room for them; undefined where the body comes in chunks. */
  #length: number | undefined;
  #whole: Buffer | undefined;

  constructor(done: (answer: Answer) => void) {
    this.#done = done;
  }

  take(data: Buffer): void {
    if (this.#head === '') this.#begin(data);
    if (this.#whole) data.copy(this.#whole, this.#have);
    else this.#parts.push(Buffer.from(data));
    this.#have += data.length;
    // The end of the last chunk may itself come in two parts.
    this.#tail = (this.#tail + data.toString('latin1', Math.max(0, data.length - 5))).slice(-5);
    const isWhole = this.#length === undefined ? this.#tail === '0\r\n\r\n' : this.#have >= this.#length;
    if (!isWhole) return;
    const lastMs = performance.now() - this.#started;
    const whole = this.#whole ?? Buffer.concat(this.#parts);
    const body = this.#length === undefined ? unchunked(whole, this.#head.length) : whole.subarray(this.#head.length);
    this.#done({ status: Number(this.#head.slice(9, 12)), body, firstMs: this.#firstMs, lastMs });
  }

  /** Heads are small: one comes whole in the first record. */
  #begin(data: Buffer): void {
    this.#firstMs = performance.now() - this.#started;
    this.#head = data.toString('latin1', 0, data.indexOf('\r\n\r\n') + 4);
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1];
    if (length === undefined) return;
    this.#length = this.#head.length + Number(length);
    this.#whole = Buffer.allocUnsafe(this.#length);
  }
}

function unchunked(answer: Buffer, start: number): Buffer {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const line = answer.indexOf('\r\n', at);
    const size = Number.parseInt(answer.toString('latin1', at, line), 16);
    if (!(size > 0)) return Buffer.concat(chunks);
    chunks.push(answer.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

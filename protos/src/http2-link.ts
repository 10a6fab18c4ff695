import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, systemClock } from '@berth/kit';

/** PEM; without `ca`, what the system trusts is trusted. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface LinkOptions {
  /** Asked before each connection; what it throws is why there is none. Absent: no TLS. */
  readonly tls?: () => Promise<TlsFiles>;
  /** How often the other side is asked whether it is still there while calls are open, and how long it may take to answer. */
  readonly keepalive?: { readonly everyMs: number; readonly timeoutMs: number };
  readonly clock?: Clock;
}

/** An attempt to connect that takes longer is given up; the next one sends its packets anew. */
const attemptMs = 5_000;
/** Of a message and of all that are under way: the other side need not wait for us to read. */
const windowBytes = 1024 * 1024;

/** The HTTP/2 connection to one endpoint, made when it is asked for and made anew when it has ended. */
export class Http2Link implements Disposable {
  readonly #endpoint: string;
  readonly #options: LinkOptions;
  readonly clock: Clock;
  #session: ClientHttp2Session | undefined;
  #isReady = false;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #calls = 0;
  #isClosed = false;

  constructor(endpoint: string, options: LinkOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** The one that can be used at once. */
  get session(): ClientHttp2Session | undefined {
    const session = this.#session;
    return session && this.#isReady && !session.closed && !session.destroyed ? session : undefined;
  }

  /** Who comes while an attempt is under way shares it. */
  connect(): Promise<ClientHttp2Session> {
    this.#connecting ??= this.#attempt().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** A call began (1) or ended (-1): only for calls a process lives on, and the other side is asked whether it does. */
  count(change: 1 | -1): void {
    this.#calls += change;
    if (this.#calls === 0) this.#session?.unref();
    else if (this.#calls === 1 && change === 1) this.#session?.ref();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#session?.destroy();
  }

  async #attempt(): Promise<ClientHttp2Session> {
    this.#isReady = false;
    const socket = await this.#socket();
    const scheme = this.#options.tls ? 'https' : 'http';
    const session = connect(`${scheme}://${authorityOf(this.#endpoint)}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
      // What is sent and received is bounded by those who call.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#session = session;
    if (this.#isClosed) session.destroy(new Error('the connection was closed'));
    await this.#settled(session, socket);
    session.setLocalWindowSize(windowBytes);
    if (this.#calls === 0) session.unref();
    this.#isReady = true;
    this.#watchOver(session);
    return session;
  }

  /** It is no HTTP/2 before the settings of the other side come. */
  async #settled(session: ClientHttp2Session, socket: Socket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _timer = this.clock.schedule(attemptMs, () =>
      session.destroy(new Error(`no answer within ${attemptMs / 1000} s`)),
    );
    session.once('remoteSettings', () => resolve());
    session.on('error', reject);
    session.once('close', () => reject(new Error('the other side closed the connection')));
    // A TLS alert behind the handshake, as of a certificate that is not taken, is told to the socket alone.
    socket.on('error', (error) => {
      session.destroy();
      reject(error);
    });
    await promise;
  }

  async #socket(): Promise<Socket> {
    const { tls } = this.#options;
    const place = placeOf(this.#endpoint);
    if (!tls) return connectPlain(place).setNoDelay();
    const files = await tls();
    const name = 'host' in place && isIP(place.host) === 0 ? { servername: place.host } : {};
    return connectTls({ ...place, ...files, ...name, ALPNProtocols: ['h2'] }).setNoDelay();
  }

  /** The other side refuses who asks without a call (gRPC's keepalive, A8). */
  #watchOver(session: ClientHttp2Session): void {
    const { keepalive } = this.#options;
    if (!keepalive) return;
    let timer: Disposable;
    const wait = () => {
      timer = this.clock.schedule(keepalive.everyMs, () => (this.#calls === 0 ? wait() : ask()));
    };
    const ask = () => {
      timer = this.clock.schedule(keepalive.timeoutMs, () => session.destroy(new Error('no answer to a ping')));
      session.ping((error) => {
        timer[Symbol.dispose]();
        if (!error) wait();
      });
    };
    wait();
    session.once('close', () => timer[Symbol.dispose]());
  }
}

/** What an endpoint such as `unix:///run/csi.sock` or `[::1]:2379` is for a socket. */
function placeOf(endpoint: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (endpoint.startsWith('unix:')) return { path: endpoint.replace(/^unix:(\/\/)?/, '') };
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(endpoint) ?? [];
  return { host, port: Number(port) };
}

function authorityOf(endpoint: string): string {
  return endpoint.startsWith('unix:') ? 'localhost' : endpoint;
}

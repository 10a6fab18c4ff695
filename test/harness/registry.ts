import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RegistryOptions {
  /** Who may pull; everyone where there is none. */
  readonly auth?: { readonly scheme: 'basic' | 'bearer'; readonly username: string; readonly password: string };
}

interface Content {
  readonly type: string;
  readonly body: Buffer;
}

/** What goes wrong with the next answers for a path that ends in the key; one is used up by each answer. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly cutAfterBytes: number }
  | { readonly replaceWith: Buffer }
  | { readonly waitFor: Promise<unknown> };

export interface Request {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
}

/** An OCI registry on this machine (distribution spec 1.1, pull side), which can misbehave as real ones do. */
export class TestRegistry implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: RegistryOptions;
  readonly #manifests = new Map<string, Content>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #faults = new Map<string, Fault[]>();
  readonly requests: Request[] = [];
  /** Answers 206 to a Range, as most registries do. */
  hasRanges = true;

  private constructor(options: RegistryOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** `127.0.0.1:port`, the first part of image names. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  putBlob(body: Buffer): string {
    const digest = digestOf(body);
    this.#blobs.set(digest, body);
    return digest;
  }

  /** @returns its digest, by which it can be had too. */
  putManifest(repository: string, tag: string, manifest: unknown, type: string): string {
    const body = Buffer.from(JSON.stringify(manifest));
    const digest = digestOf(body);
    for (const name of [tag, digest]) this.#manifests.set(`${repository}/${name}`, { type, body });
    return digest;
  }

  /** The next answers for paths that end in `path` go wrong like this, one after the other. */
  fail(path: string, ...faults: readonly Fault[]): void {
    this.#faults.set(path, [...(this.#faults.get(path) ?? []), ...faults]);
  }

  count(path: string): number {
    return this.requests.filter((request) => request.path.endsWith(path) && request.status < 300).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', `http://${this.host}`);
    response.on('close', () => {
      const { range, authorization } = request.headers;
      this.requests.push({ path, range, authorization, status: response.statusCode });
    });
    if (path === '/token') return this.#giveToken(request, response, searchParams.get('scope') ?? '');
    if (!this.#isAllowed(request)) return this.#challenge(response);
    const key = [...this.#faults.keys()].find((suffix) => path.endsWith(suffix));
    const fault = key === undefined ? undefined : this.#faults.get(key)?.shift();
    if (fault && 'waitFor' in fault) await fault.waitFor;
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, fault.headers).end('{"errors":[]}');
      return;
    }
    const content = this.#find(path);
    if (!content) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return;
    }
    this.#send(request, response, { ...content, fault });
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    { type, body, fault }: Content & { fault: Fault | undefined },
  ) {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const ranged = this.hasRanges && from > 0;
    const whole = fault && 'replaceWith' in fault ? fault.replaceWith : body;
    const part = ranged ? whole.subarray(from) : whole;
    response.writeHead(ranged ? 206 : 200, { 'content-type': type, 'content-length': part.length });
    if (!fault || !('cutAfterBytes' in fault)) {
      response.end(part);
      return;
    }
    response.write(part.subarray(0, fault.cutAfterBytes), () => setTimeout(() => response.destroy(), 20));
  }

  #find(path: string): Content | undefined {
    const blob = /^\/v2\/.+\/blobs\/(sha256:\w+)$/.exec(path)?.[1];
    if (blob) {
      const body = this.#blobs.get(blob);
      return body && { type: 'application/octet-stream', body };
    }
    const [, repository, name] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path) ?? [];
    return this.#manifests.get(`${repository}/${name}`);
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const { auth } = this.#options;
    if (!auth) return true;
    return headers.authorization === (auth.scheme === 'basic' ? this.#basic() : `Bearer ${this.#token()}`);
  }

  #challenge(response: ServerResponse): void {
    const challenge =
      this.#options.auth?.scheme === 'basic'
        ? 'Basic realm="test"'
        : `Bearer realm="http://${this.host}/token",service="test",scope="repository:team/app:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
  }

  #giveToken({ headers }: IncomingMessage, response: ServerResponse, scope: string): void {
    const allowed = headers.authorization === this.#basic() && /^repository:.+:pull$/.test(scope);
    response.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' });
    response.end(allowed ? JSON.stringify({ token: this.#token() }) : '{}');
  }

  #basic(): string {
    const { username = '', password = '' } = this.#options.auth ?? {};
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  #token(): string {
    return createHash('sha256').update(this.#basic()).digest('hex');
  }
}

function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

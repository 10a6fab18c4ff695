import {
  type ConnectNfsOptions,
  type DirectoryCursor,
  type DirectoryPage,
  type NfsAttributes,
  type NfsClient,
  NfsError,
} from '@berth/nfs-client';

interface FakeNode {
  readonly type: 'file' | 'directory' | 'symlink';
  mode: number;
  readonly children: Map<string, FakeNode>;
  /** Of a symlink or a file. */
  readonly content: string;
}

type Clients = Pick<
  NfsClient,
  | 'stat'
  | 'setattr'
  | 'statfs'
  | 'readdir'
  | 'readdirPage'
  | 'mkdir'
  | 'rmdir'
  | 'remove'
  | 'rename'
  | 'symlink'
  | 'read'
  | 'write'
  | 'copyTree'
  | 'removeTree'
>;

/** A server with one export in memory, by the meaning the client's interface gives its calls. It can be away, and break at the n-th call. */
export class FakeNfsServer {
  readonly root = directory();
  readonly calls: string[] = [];
  /** Nothing is answered, nothing refused: as if its cable were out. */
  away = false;
  /** The call with this number (from 0) is carried out or not, and its answer is lost. */
  breakAt: { readonly call: number; readonly when: 'before' | 'after' } | undefined;
  connections = 0;
  disposed = 0;
  bytes = { total: 1000, free: 600, available: 500 };
  /** Entries of a page of a directory. */
  pageEntries = 100;
  /** A restart that forgets where listings were. */
  verifier = 1;
  readonly #cookies = new WeakMap<FakeNode, bigint>();
  #lastCookie = 0n;

  readonly connect = async (_options: ConnectNfsOptions, signal: AbortSignal): Promise<NfsClient> => {
    await this.#wire(signal);
    this.connections += 1;
    return this.#client() as unknown as NfsClient;
  };

  /** The tree below a path, one line a node: `name/`, `name` or `name -> content`. */
  tree(path = ''): string[] {
    const lines: string[] = [];
    const walk = (node: FakeNode, at: string) => {
      for (const [name, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const mark = child.type === 'directory' ? '/' : child.type === 'symlink' ? ` -> ${child.content}` : '';
        lines.push(`${at}${name}${mark}`);
        walk(child, `${at}${name}/`);
      }
    };
    walk(this.#get(path), '');
    return lines;
  }

  has(path: string): boolean {
    try {
      return this.#get(path).type === 'directory';
    } catch {
      return false;
    }
  }

  modeOf(path: string): string {
    return this.#get(path).mode.toString(8);
  }

  writeFile(path: string, content = ''): void {
    const { parent, name } = this.#parent(path);
    parent.children.set(name, { type: 'file', mode: 0o644, children: new Map(), content });
  }

  contentOf(path: string): string {
    const { type, content } = this.#get(path);
    if (type === 'file') return content;
    throw new NfsError(type === 'symlink' ? 'SYMLINK' : 'ISDIR', path);
  }

  makeDirectory(path: string): void {
    const { parent, name } = this.#parent(path);
    parent.children.set(name, directory());
  }

  #client(): Clients & AsyncDisposable {
    const call = async <T>(signal: AbortSignal, name: string, run: () => T): Promise<T> => {
      await this.#wire(signal);
      const number = this.calls.push(name) - 1;
      const breaks = this.breakAt?.call === number ? this.breakAt.when : undefined;
      if (breaks === 'before') throw new NfsError('TIMEDOUT', `${name}: lost`);
      const result = run();
      if (breaks === 'after') throw new NfsError('TIMEDOUT', `${name}: its answer is lost`);
      return result;
    };
    const server = this;
    return {
      stat: (path, signal) => call(signal, `stat ${path}`, () => attributesOf(this.#get(path))),
      setattr: (path, { mode }, signal) =>
        call(signal, `setattr ${path}`, () => {
          this.#get(path).mode = mode ?? 0;
        }),
      statfs: (path, signal) =>
        call(signal, `statfs ${path}`, () => {
          this.#get(path);
          return { bytes: this.bytes, files: { total: 100, free: 90, available: 80 } };
        }),
      async *readdir(path, signal) {
        const names = await call(signal, `readdir ${path}`, () => [...server.#get(path).children]);
        for (const [name, node] of names) yield { name, attributes: attributesOf(node) };
      },
      readdirPage: (path, cursor, signal) => call(signal, `readdirPage ${path}`, () => this.#page(path, cursor)),
      mkdir: (path, options, signal) => call(signal, `mkdir ${path}`, () => this.#mkdir(path, options)),
      rmdir: (path, signal) => call(signal, `rmdir ${path}`, () => this.#rmdir(path)),
      remove: (path, signal) =>
        call(signal, `remove ${path}`, () => {
          const { parent, name } = this.#existing(path);
          parent.children.delete(name);
        }),
      rename: (from, to, signal) => call(signal, `rename ${from}`, () => this.#rename(from, to)),
      symlink: (path, content, signal) =>
        call(signal, `symlink ${path}`, () => {
          const { parent, name } = this.#parent(path);
          if (parent.children.has(name)) throw new NfsError('EXIST', path);
          parent.children.set(name, { type: 'symlink', mode: 0o777, children: new Map(), content });
        }),
      async *read(path, _options, signal) {
        yield await call(signal, `read ${path}`, () => Buffer.from(server.contentOf(path)));
      },
      write: (path, source, { signal }) =>
        call(signal, `write ${path}`, () => {
          const content = Buffer.concat([...(source as Iterable<Uint8Array>)]).toString();
          this.writeFile(path, content);
          return content.length;
        }),
      copyTree: (from, to, signal) =>
        call(signal, `copy ${from}`, () => {
          const source = this.#get(from);
          const { parent, name } = this.#parent(to);
          if (parent.children.has(name)) throw new NfsError('EXIST', to);
          parent.children.set(name, structuredClone(source));
          return { files: 1, directories: 1, bytes: 1, methods: { clone: 0, server: 1, client: 0 } };
        }),
      removeTree: (path, signal) =>
        call(signal, `removeTree ${path}`, () => {
          try {
            const { parent, name } = this.#existing(path);
            parent.children.delete(name);
          } catch (error) {
            if ((error as NfsError).code !== 'NOENT') throw error;
          }
        }),
      [Symbol.asyncDispose]: async () => {
        this.disposed += 1;
      },
    };
  }

  async #wire(signal: AbortSignal): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (!this.away) return;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }

  #page(path: string, cursor: DirectoryCursor | undefined): DirectoryPage {
    const verifier = Buffer.from([this.verifier]);
    if (cursor && !verifier.equals(cursor.verifier)) throw new NfsError('BAD_COOKIE', path);
    const all = [...this.#get(path).children].map(([name, node]) => ({
      name,
      fileId: 1n,
      cookie: this.#cookieOf(node),
    }));
    const rest = all
      .sort((a, b) => Number(a.cookie - b.cookie))
      .filter(({ cookie }) => cookie > (cursor?.cookie ?? 0n));
    const entries = rest.slice(0, this.pageEntries);
    const end = entries.length === rest.length;
    return { entries, next: { cookie: entries.at(-1)?.cookie ?? 0n, verifier }, end };
  }

  #cookieOf(node: FakeNode): bigint {
    const known = this.#cookies.get(node);
    if (known !== undefined) return known;
    this.#lastCookie += 1n;
    this.#cookies.set(node, this.#lastCookie);
    return this.#lastCookie;
  }

  #mkdir(path: string, { mode = 0o755, recursive = false }: { mode?: number; recursive?: boolean }): void {
    if (recursive) {
      const names = path.split('/');
      for (let length = 1; length <= names.length; length++) {
        const { parent, name } = this.#parent(names.slice(0, length).join('/'));
        const there = parent.children.get(name);
        if (there && there.type !== 'directory') throw new NfsError('NOTDIR', path);
        if (!there) parent.children.set(name, directory(mode));
      }
      return;
    }
    const { parent, name } = this.#parent(path);
    if (parent.children.has(name)) throw new NfsError('EXIST', path);
    // As a server with a umask would.
    parent.children.set(name, directory(mode & ~0o022));
  }

  #rmdir(path: string): void {
    const { parent, name, node } = this.#existing(path);
    if (node.type !== 'directory') throw new NfsError('NOTDIR', path);
    if (node.children.size > 0) throw new NfsError('NOTEMPTY', path);
    parent.children.delete(name);
  }

  #rename(from: string, to: string): void {
    const source = this.#existing(from);
    const target = this.#parent(to);
    if ((target.parent.children.get(target.name)?.children.size ?? 0) > 0) throw new NfsError('NOTEMPTY', to);
    source.parent.children.delete(source.name);
    target.parent.children.set(target.name, source.node);
  }

  #get(path: string): FakeNode {
    let node = this.root;
    for (const name of path.split('/').filter((one) => one !== '')) {
      if (node.type === 'symlink') throw new NfsError('SYMLINK', path);
      const child = node.children.get(name);
      if (!child) throw new NfsError('NOENT', path);
      node = child;
    }
    return node;
  }

  #parent(path: string): { parent: FakeNode; name: string } {
    const names = path.split('/');
    const name = names.pop() ?? '';
    const parent = this.#get(names.join('/'));
    if (parent.type !== 'directory') throw new NfsError(parent.type === 'symlink' ? 'SYMLINK' : 'NOTDIR', path);
    return { parent, name };
  }

  #existing(path: string): { parent: FakeNode; name: string; node: FakeNode } {
    const { parent, name } = this.#parent(path);
    const node = parent.children.get(name);
    if (!node) throw new NfsError('NOENT', path);
    return { parent, name, node };
  }
}

function directory(mode = 0o755): FakeNode {
  return { type: 'directory', mode, children: new Map(), content: '' };
}

function attributesOf({ type, mode }: FakeNode): NfsAttributes {
  return { type, mode } as NfsAttributes;
}

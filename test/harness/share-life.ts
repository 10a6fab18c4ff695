import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import type { LifeOptions, LifeStep } from './life.ts';
import type { LifeKind } from './life-kinds.ts';
import { LifeSteps } from './life-steps.ts';
import { entriesBelow } from './life-traces.ts';

/** Volumes of one share, which this machine sees from its server's side too. */
export interface LifeOnShare {
  readonly host: string;
  readonly export: string;
  /** The exported directory here. */
  readonly root: string;
}

/** `isMounted`: staged and published too; each mount is a process of its own. */
export function shareKind(share: LifeOnShare, version: '3' | '4.2', { isMounted = false } = {}): LifeKind {
  const { host, root } = share;
  const parameters = { backend: 'nfs', server: host, share: share.export, nfsvers: version };
  const mode = 'MULTI_NODE_MULTI_WRITER';
  return { parameters, access: { mount: {} }, mode, mib: 1, share: { host, export: share.export, root, isMounted } };
}

/** The calls of a volume's whole life on a server, with a snapshot, a clone, and a volume restored from the snapshot. */
export class ShareLife extends LifeSteps {
  readonly steps: readonly LifeStep[];
  readonly #share: LifeOnShare & { readonly isMounted: boolean };

  constructor(options: LifeOptions) {
    super(options);
    this.#share = options.kind.share as NonNullable<LifeKind['share']>;
    this.steps = this.#compose();
  }

  /** What is on the share besides folders that stay, and processes that serve mounts. */
  left(): string[] {
    const { root, isMounted } = this.#share;
    return this.quietly(() => [...entriesOf(root), ...(isMounted ? servedFrom(this.options.folder) : [])]);
  }

  strays(listed: ReadonlySet<string>): string[] {
    const names = new Set([...listed].map((id) => id.split(/[+@]/)[0]));
    return this.quietly(() => entriesOf(this.#share.root)).filter((entry) => {
      if (!entry.startsWith('.berth/')) return false;
      const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(entry)?.[0];
      return id !== undefined && !entry.startsWith('.berth/trash/') && !names.has(id);
    });
  }

  #compose(): LifeStep[] {
    const [source, clone, restored, snapshot] = this.named('source', 'clone', 'restored', 'snapshot');
    const { isMounted, root } = this.#share;
    const used = (name: string, work: (at?: string) => LifeStep) =>
      isMounted ? [...this.use(name), work(), ...this.release(name)] : [work(join(root, name))];
    return [
      this.create(source),
      ...used(source, (at) => this.write(source, at)),
      this.snapshot(snapshot, source),
      this.cloneOf(source, clone),
      this.restoredFrom(snapshot, restored),
      this.grow(source),
      this.delete(source),
      ...used(clone, (at) => this.read(clone, at)),
      this.read(restored, join(root, restored)),
      this.delete(clone),
      this.deleteSnapshot(snapshot),
      this.delete(restored),
    ];
  }
}

/** Folders of the driver's own that a share keeps. */
const standing = /^\.berth(\/[a-z]+)?$/;

function entriesOf(root: string): string[] {
  return entriesBelow(root).filter((name) => !standing.test(name));
}

/** Processes that serve mounts of a driver. */
function servedFrom(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const words = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') : [];
      return words.includes('nfs-mount') && words.some((word) => word.startsWith(folder)) ? [words.join(' ')] : [];
    } catch {
      return [];
    }
  });
}

/** Takes everything off a share: by its server, which remembers what it has seen. */
export async function emptyShare({ host, export: path, root }: LifeOnShare): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const options = { version: 3, uid: 0, gid: 0, clock: systemClock, rng: systemRng, log: silentLogger } as const;
  await using client = await connectNfs({ ...options, host, export: path }, signal);
  for (const name of readdirSync(root)) await client.removeTree(name, signal);
}

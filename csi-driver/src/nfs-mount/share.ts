import type { Attributes, Caller, Entry, FileStat, KernelCache, NodeId } from '@berth/fuse';
import { FuseError, rootNode } from '@berth/fuse';
import type { Clock, Logger, Rng } from '@berth/kit';
import { decodeBytes, isNfsError, type NfsAttributes, type NfsNode, type NfsProtocol } from '@berth/nfs-client';
import { Callers } from './callers.ts';
import { toFuseError } from './errno-of.ts';
import { keyOf, newNode, type ShareNode, statOf } from './share-node.ts';
import type { Tuning } from './tuning.ts';

export interface ShareOptions {
  readonly nfs: NfsProtocol;
  /** What is shown: a directory of the export. */
  readonly root: NfsNode;
  readonly tuning: Tuning;
  readonly kernel: KernelCache;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** A session the server has given up, which never carried the call out. */
const notDone = ['BADSESSION', 'DEADSESSION', 'CONN_NOT_BOUND_TO_SESSION', 'STALE_CLIENTID', 'SEQ_MISORDERED'] as const;
const againMs = 500;
const maxNameBytes = 255;

/** What all operations of a mounted share stand on: its files by number and by handle, and calls in a caller's name. */
export class Share {
  readonly options: ShareOptions;
  readonly #callers: Callers;
  readonly #byId = new Map<NodeId, ShareNode>();
  readonly #byHandle = new Map<string, ShareNode>();
  #lastId: NodeId = rootNode;
  /** Counts what this side changes: attributes that were asked for before are not passed on after. */
  #changes = 0;
  openFiles = 0;

  constructor(options: ShareOptions) {
    this.options = options;
    this.#callers = new Callers(options.nfs, options.clock);
    const root = newNode(rootNode, options.root);
    root.references = 1;
    this.#byId.set(root.id, root);
    this.#byHandle.set(root.key, root);
  }

  get changes(): number {
    return this.#changes;
  }

  get nodes(): IterableIterator<ShareNode> {
    return this.#byId.values();
  }

  /** @throws FuseError ESTALE – the kernel means a file it was never told of, or has forgotten. */
  node(id: NodeId): ShareNode {
    const node = this.#byId.get(id);
    if (!node) throw new FuseError('ESTALE', `file ${id} is not known`);
    return node;
  }

  find(found: NfsNode): ShareNode | undefined {
    return this.#byHandle.get(keyOf(found.handle));
  }

  /** A name as the client sends it. @throws FuseError ENAMETOOLONG */
  name(bytes: Uint8Array): string {
    if (bytes.length > maxNameBytes) throw new FuseError('ENAMETOOLONG', `a name of ${bytes.length} bytes`);
    return decodeBytes(bytes);
  }

  /** Runs calls in the caller's name; a failure becomes the errno for it. */
  async as<T>(caller: Caller, signal: AbortSignal, run: (nfs: NfsProtocol) => Promise<T>): Promise<T> {
    const nfs = this.#callers.of(caller);
    return await this.run(signal, () => run(nfs));
  }

  async run<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const { clock, tuning, log } = this.options;
    while (true) {
      try {
        return await run();
      } catch (error) {
        if (!isNfsError(error, ...notDone)) throw toFuseError(error, tuning.timedOut);
        log.debug('a call is made again', { reason: error.message });
        await clock.sleep(againMs, signal);
      }
    }
  }

  changed(...nodes: readonly ShareNode[]): void {
    this.#changes += 1;
    for (const node of nodes) node.lastChange = this.#changes;
  }

  /** What `ask` finds, with all that was written to it here: what the server told before that had come is asked again. */
  async settled(caller: Caller, signal: AbortSignal, ask: () => Promise<NfsNode>): Promise<NfsNode> {
    const askedAt = this.#changes;
    const found = await ask();
    const known = this.find(found);
    if (!known || (known.lastChange <= askedAt && !known.unstable.isPending)) return found;
    await known.unstable.drain(signal);
    return { ...found, attributes: await this.as(caller, signal, (nfs) => nfs.getattr(found.handle, signal)) };
  }

  /** Makes what the server answered known to the kernel: one more reference. */
  entry(found: NfsNode): Entry {
    const node = this.find(found) ?? this.#add(found);
    node.references += 1;
    const { tuning } = this.options;
    const isDirectory = found.attributes.type === 'directory';
    const entryMs = isDirectory ? tuning.directories.minMs : tuning.files.minMs;
    return {
      node: node.id,
      entryValidMs: tuning.lookupCache ? entryMs : 0,
      ...this.attributes(node, found.attributes),
    };
  }

  /** Notes fresh attributes of a file, and says for how long they hold: longer, the longer it stays unchanged. */
  attributes(node: ShareNode, attributes: NfsAttributes): Attributes {
    const { tuning, clock } = this.options;
    const { minMs, maxMs } = node.type === 'directory' ? tuning.directories : tuning.files;
    const nowMs = clock.monotonicMs();
    if (node.validMs === 0 || node.seen.changedNs !== attributes.changedNs) {
      node.validMs = minMs;
      node.validSinceMs = nowMs;
    } else if (nowMs - node.validSinceMs >= node.validMs) {
      node.validMs = Math.min(maxMs, node.validMs * 2);
      node.validSinceMs = nowMs;
    }
    node.seen = attributes;
    return { stat: this.stat(attributes), validMs: node.validMs };
  }

  stat(attributes: NfsAttributes): FileStat {
    return statOf(attributes, this.options.tuning.maxWriteBytes);
  }

  forget(id: NodeId, references: number): void {
    const node = this.#byId.get(id);
    if (!node || id === rootNode) return;
    node.references -= references;
    this.dropUnused(node);
  }

  dropUnused(node: ShareNode): void {
    if (node.references > 0 || node.opens > 0 || node.id === rootNode) return;
    this.#byId.delete(node.id);
    if (this.#byHandle.get(node.key) === node) this.#byHandle.delete(node.key);
  }

  #landed(node: ShareNode): void {
    this.changed(node);
    const { failures } = node.unstable;
    if (failures === node.knownFailures) return;
    node.knownFailures = failures;
    node.isDistrusted = true;
    this.options.kernel.forgetAttributes(node.id);
  }

  #add(found: NfsNode): ShareNode {
    this.#lastId += 1;
    const node = newNode(this.#lastId, found, (one) => this.#landed(one));
    this.#byId.set(node.id, node);
    this.#byHandle.set(node.key, node);
    return node;
  }
}

import { join } from 'node:path';
import { type Clock, type Logger, type Rng, rfc3339 } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import { type ConnectNfsOptions, connectNfs, type NfsClient, type TreeCopyResult } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import type { Backend, CopiedBy, HealthFinding, NamedVolume, PoolCapacity, Stored, VolumeSpec } from '../backend.ts';
import { KnownShares } from './known-shares.ts';
import { nameIn } from './nfs-id.ts';
import { NfsNode } from './nfs-node.ts';
import { nfsOffer } from './nfs-offer.ts';
import { contextFor, type NfsVolume, nfsClassOf, nfsVolumeOf } from './nfs-parameters.ts';
import { NfsServers } from './nfs-servers.ts';
import { NfsServerNotes } from './server-notes.ts';
import { ShareList } from './share-list.ts';
import type { ShareMounter } from './share-mounter.ts';
import { ShareNotes } from './share-notes.ts';
import { ShareTrash } from './share-trash.ts';
import { ShareVolumes, snapshotPath } from './share-volumes.ts';
import { StagedVolumes } from './staged-volumes.ts';

/** What the catalog has on something stored. */
export interface StoredFacts {
  readonly context: Readonly<Record<string, string>>;
  /** Never acknowledged: nobody can have put anything there. */
  readonly isHalfMade: boolean;
}

export interface NfsBackendOptions {
  /** Where this driver notes what it staged here and what it has to remove on servers. */
  readonly folder: string;
  readonly mounter: Mounter;
  readonly shares: ShareMounter | undefined;
  /** By the records of the catalog: an id alone says nothing about a server. */
  readonly factsOf: (stored: Stored) => StoredFacts | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly connect?: (options: ConnectNfsOptions, signal: AbortSignal) => Promise<NfsClient>;
}

const noSignal = new AbortController().signal;

/** A directory of an NFS server a volume. Sizes are the server's affair: by a quota of its own, or not at all. */
export class NfsBackend implements Backend, AsyncDisposable {
  readonly name = 'nfs';
  readonly remote = true;
  readonly enforcesSize = false;
  readonly nodeExpansion = false;
  readonly createsWhole = false;
  readonly offer = nfsOffer;
  readonly node: NfsNode;
  readonly notes: NfsServerNotes;
  readonly trash: ShareTrash;
  readonly #servers: NfsServers;
  readonly #volumes: ShareVolumes;
  readonly #noted: ShareNotes;
  readonly #shares: KnownShares;
  readonly #staged: StagedVolumes;
  readonly #factsOf: NfsBackendOptions['factsOf'];

  constructor(options: NfsBackendOptions) {
    const { folder, mounter, shares, factsOf, clock, rng, log, connect = connectNfs } = options;
    const servers = new NfsServers({ clock, rng, log, connect });
    this.#servers = servers;
    this.#factsOf = factsOf;
    this.trash = new ShareTrash({ folder: join(folder, 'trash'), servers, clock, rng, log });
    this.#volumes = new ShareVolumes({ servers, trash: this.trash, log });
    this.#noted = new ShareNotes(servers);
    this.#shares = new KnownShares(join(folder, 'shares'));
    const list = new ShareList({ servers, shares: this.#shares, clock, rng, log });
    this.notes = new NfsServerNotes(this.#noted, list);
    const staged = new StagedVolumes(join(folder, 'staged'), log);
    this.#staged = staged;
    const contextOf = (id: string) => this.#contextOf(id);
    this.node = new NfsNode({ mounter, shares, servers, staged, log, contextOf });
  }

  describe(volume: NamedVolume, remarks: Readonly<Record<string, string>>): Record<string, string> {
    return contextFor(volume, remarks);
  }

  async create(volume: VolumeSpec, from?: Stored, signal: AbortSignal = noSignal): Promise<CopiedBy | undefined> {
    const own = nfsVolumeOf(volume.context ?? {});
    await this.#shares.remember(own);
    const name = nameIn(volume.id);
    if (!from) {
      await this.#volumes.create(name, own);
      return undefined;
    }
    const source = this.#sourceOf(from);
    if (source.server !== own.server || source.share !== own.share) {
      throw grpcError(
        'INVALID_ARGUMENT',
        `the source ${from.kind} "${from.id}" is on another share; ask for a class of that`,
      );
    }
    const path = from.kind === 'snapshot' ? snapshotPath(nameIn(from.id)) : source.subDir;
    return copiedBy(await this.#volumes.fill(name, own, { from: path, signal }));
  }

  /** File after file, while others write: one that is written in place meanwhile may be of several moments. */
  async snapshot(snapshotId: string, volume: VolumeSpec, signal: AbortSignal): Promise<CopiedBy> {
    const own = nfsVolumeOf(volume.context ?? {});
    await this.#shares.remember(own);
    return copiedBy(await this.#volumes.snapshot(nameIn(snapshotId), own, { from: own.subDir, signal }));
  }

  async delete(stored: Stored): Promise<void> {
    const facts = this.#factsOf(stored);
    // No record, no place on a server; ids lead nowhere by themselves.
    if (!facts) return;
    const volume = nfsVolumeOf(facts.context);
    const name = nameIn(stored.id);
    if (stored.kind === 'snapshot') await this.#volumes.removeSnapshot(name, volume);
    else await this.#volumes.remove(name, facts.isHalfMade ? { ...volume, onDelete: 'delete' } : volume);
    // Not before: whoever repeats the call, also to another driver, finds by it what is left to do.
    await this.#noted.remove(volume, { kind: stored.kind, name });
    // Where mounts went without being unstaged, as a machine's do when it goes down.
    if (stored.kind === 'volume') await this.#staged.forget(stored.id);
  }

  /** What earlier calls met: looking costs no call of its own. */
  inspector(): (volume: VolumeSpec) => HealthFinding[] {
    return ({ context = {} }) => {
      const volume = nfsVolumeOf(context);
      const sinceMs = this.#servers.silentSinceMs(volume);
      if (sinceMs === undefined) return [];
      const message = `the nfs server ${volume.server} does not answer since ${rfc3339(sinceMs)}`;
      return [{ status: 'INACCESSIBLE', reason: 'ServerUnreachable', message }];
    };
  }

  async expand(): Promise<void> {
    // The promise is the catalog's; the server knows nothing of it.
  }

  /** Of the share a class names. @throws GrpcError INVALID_ARGUMENT – it names none. */
  async capacity(parameters: Readonly<Record<string, string>> = {}): Promise<PoolCapacity> {
    const { bytes } = await this.#servers.use(nfsClassOf(parameters), (client, signal) => client.statfs('', signal));
    return { totalBytes: bytes.total, availableBytes: bytes.available };
  }

  /** What is on servers is not looked for at a start: one of them may be away. */
  present(): Stored[] {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trash[Symbol.asyncDispose]();
    await this.#servers[Symbol.asyncDispose]();
  }

  #contextOf(id: string): Readonly<Record<string, string>> | undefined {
    return this.#factsOf({ kind: 'volume', id })?.context;
  }

  #sourceOf(stored: Stored): NfsVolume {
    const facts = this.#factsOf(stored);
    if (facts) return nfsVolumeOf(facts.context);
    throw grpcError('NOT_FOUND', `${stored.kind} "${stored.id}" does not exist`);
  }
}

/** Where the server shared every block it took no time and no space. */
function copiedBy(result: TreeCopyResult | undefined): CopiedBy {
  if (!result) return 'copy';
  const { clone, server, client } = result.methods;
  return clone > 0 && server + client === 0 ? 'reflink' : 'copy';
}

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import type { csi } from '@berth/protos';
import type { Life, LifeClients, LifeStep } from './volume-life.ts';

/** Volumes of one share, which this machine sees from its server's side too. */
export interface LifeOnShare {
  readonly server: string;
  readonly export: string;
  /** The exported directory here. */
  readonly root: string;
  readonly version?: '3' | '4.1' | '4.2';
  /** Staged and published too: each mount is a process of its own. */
  readonly isMounted?: boolean;
}

export interface ShareLifeOptions {
  readonly share: LifeOnShare;
  /** For staging and target paths. */
  readonly folder: string;
  readonly name: string;
  readonly quietly?: <T>(work: () => T) => T;
}

const MiB = 1024 ** 2;
const capability = (change: object = {}): csi.VolumeCapability => ({
  mount: { fsType: '', mountFlags: [], volumeMountGroup: '', ...change },
  accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' },
});

/** The calls of a volume's whole life on a server, with a snapshot, a clone, and a volume restored from the snapshot. */
export class ShareLife implements Life {
  readonly steps: readonly LifeStep[];
  readonly acknowledged = new Map<string, string>();
  readonly ids = new Set<string>();
  readonly #options: ShareLifeOptions;
  readonly #quietly: <T>(work: () => T) => T;

  constructor(options: ShareLifeOptions) {
    this.#options = options;
    this.#quietly = options.quietly ?? ((work) => work());
    this.steps = this.#compose();
  }

  /** What is on the share besides folders that stay. */
  left(): string[] {
    return this.#quietly(() => entriesOf(this.#options.share.root));
  }

  /** What is on the share of things that are none of these: nobody would ever ask for it again. */
  strays(listed: ReadonlySet<string>): string[] {
    const names = new Set([...listed].map((id) => id.split(/[+@]/)[0]));
    return this.left().filter((entry) => {
      if (!entry.startsWith('.berth/')) return false;
      const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(entry)?.[0];
      return id !== undefined && !entry.startsWith('.berth/trash/') && !names.has(id);
    });
  }

  #compose(): LifeStep[] {
    const { name, share } = this.#options;
    const [source, clone, restored, snapshot] = ['source', 'clone', 'restored', 'snapshot'].map(
      (n) => `${name}-${n}`,
    ) as [string, string, string, string];
    const used = (one: string, work: LifeStep) =>
      share.isMounted ? [...this.#use(one), work, ...this.#release(one)] : [work];
    return [
      this.#create(source),
      ...used(source, this.#write(source)),
      this.#snapshot(snapshot, source),
      this.#create(clone, () => ({ volume: { volumeId: this.#id(source) } })),
      this.#create(restored, () => ({ snapshot: { snapshotId: this.#id(snapshot) } })),
      this.#expand(source),
      this.#delete(source),
      ...used(clone, this.#read(clone)),
      this.#read(restored, true),
      this.#delete(clone),
      this.#deleteSnapshot(snapshot),
      this.#delete(restored),
    ];
  }

  #id(name: string): string {
    return this.acknowledged.get(name) ?? 'none';
  }

  #know(name: string, id: string): void {
    this.acknowledged.set(name, id);
    this.ids.add(id);
  }

  #create(name: string, source?: () => object): LifeStep {
    const { server, export: share, version } = this.#options.share;
    return {
      what: `CreateVolume ${name}`,
      run: async ({ controller }) => {
        const { volume } = await controller.CreateVolume({
          name,
          volumeCapabilities: [capability()],
          capacityRange: { requiredBytes: String(MiB), limitBytes: '0' },
          parameters: { backend: 'nfs', server, share, ...(version ? { nfsvers: version } : {}) },
          ...(source ? { volumeContentSource: source() } : {}),
        });
        return () => this.#know(name, volume!.volumeId);
      },
    };
  }

  #snapshot(name: string, source: string): LifeStep {
    return {
      what: `CreateSnapshot ${name}`,
      run: async ({ controller }) => {
        const { snapshot } = await controller.CreateSnapshot({ name, sourceVolumeId: this.#id(source) });
        return () => this.#know(name, snapshot!.snapshotId);
      },
    };
  }

  #expand(name: string): LifeStep {
    const capacityRange = { requiredBytes: String(2 * MiB), limitBytes: '0' };
    return {
      what: `ControllerExpandVolume ${name}`,
      run: ({ controller }) => controller.ControllerExpandVolume({ volumeId: this.#id(name), capacityRange }),
    };
  }

  #delete(name: string): LifeStep {
    return {
      what: `DeleteVolume ${name}`,
      run: async ({ controller }) => {
        await controller.DeleteVolume({ volumeId: this.#id(name) });
        return () => this.acknowledged.delete(name);
      },
    };
  }

  #deleteSnapshot(name: string): LifeStep {
    return {
      what: `DeleteSnapshot ${name}`,
      run: async ({ controller }) => {
        await controller.DeleteSnapshot({ snapshotId: this.#id(name) });
        return () => this.acknowledged.delete(name);
      },
    };
  }

  #paths(name: string) {
    const { folder } = this.#options;
    return { stagingTargetPath: join(folder, `stage-${name}`), targetPath: join(folder, `target-${name}`) };
  }

  #use(name: string): LifeStep[] {
    const { stagingTargetPath, targetPath } = this.#paths(name);
    const volumeCapability = capability();
    return [
      {
        what: `NodeStageVolume ${name}`,
        run: async ({ node }: LifeClients) => {
          this.#quietly(() => mkdirSync(stagingTargetPath, { recursive: true }));
          await node.NodeStageVolume({ volumeId: this.#id(name), stagingTargetPath, volumeCapability });
        },
      },
      {
        what: `NodePublishVolume ${name}`,
        run: ({ node }: LifeClients) =>
          node.NodePublishVolume({ volumeId: this.#id(name), stagingTargetPath, targetPath, volumeCapability }),
      },
    ];
  }

  #release(name: string): LifeStep[] {
    const { stagingTargetPath, targetPath } = this.#paths(name);
    return [
      {
        what: `NodeUnpublishVolume ${name}`,
        run: ({ node }: LifeClients) => node.NodeUnpublishVolume({ volumeId: this.#id(name), targetPath }),
      },
      {
        what: `NodeUnstageVolume ${name}`,
        run: ({ node }: LifeClients) => node.NodeUnstageVolume({ volumeId: this.#id(name), stagingTargetPath }),
      },
    ];
  }

  #place(name: string, onServer: boolean): string {
    const { share } = this.#options;
    return share.isMounted && !onServer ? this.#paths(name).targetPath : join(share.root, name);
  }

  #write(name: string): LifeStep {
    const write = () => {
      const place = this.#place(name, false);
      mkdirSync(join(place, 'folder'), { recursive: true });
      for (const file of ['file', 'folder/deep']) writeFileSync(join(place, file), content);
    };
    return { what: `write ${name}`, run: async () => this.#quietly(write) };
  }

  #read(name: string, onServer = false): LifeStep {
    const read = () => {
      const place = this.#place(name, onServer);
      for (const file of ['file', 'folder/deep']) {
        if (!readFileSync(join(place, file)).equals(content))
          throw new Error(`${place}/${file} does not hold what was written to the source`);
      }
    };
    return { what: `read ${name}`, run: async () => this.#quietly(read) };
  }
}

const content = Buffer.alloc(20_000, 'what the workload wrote ');

/** Folders of the driver's own that a share keeps. */
const standing = /^\.berth(\/[a-z]+)?$/;

/** The trash is being emptied meanwhile. */
function entriesOf(root: string): string[] {
  for (;;) {
    try {
      return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => !standing.test(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Takes everything off a share: by its server, which remembers what it has seen. */
export async function emptyShare({ server, export: path, root }: LifeOnShare): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  const options = { version: 3, uid: 0, gid: 0, clock: systemClock, rng: systemRng, log: silentLogger } as const;
  await using client = await connectNfs({ ...options, host: server, export: path }, signal);
  for (const name of readdirSync(root)) await client.removeTree(name, signal);
}

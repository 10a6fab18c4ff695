import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { listLoops } from '@berth/linux';
import type { DriverProcess } from './driver-process.ts';
import { capabilityOf } from './image-driver.ts';
import type { LifeKind } from './life-kinds.ts';

const MiB = 1024 ** 2;

export type LifeClients = Pick<DriverProcess, 'controller' | 'node' | 'groups'>;

/** One call of a life; it may be made again at any time until it has succeeded. What it gives, if a function, is for then. */
export interface LifeStep {
  readonly what: string;
  run(clients: LifeClients): Promise<unknown>;
}

/** The calls of volumes from their making to their end, and what of it a driver has answered. */
export interface Life {
  readonly steps: readonly LifeStep[];
  /** Volumes and snapshots whose creation was answered, and whose deletion was not. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Every id that was ever answered. */
  readonly ids: ReadonlySet<string>;
}

export interface LifeOptions {
  readonly kind: LifeKind;
  /** For staging and target paths. */
  readonly folder: string;
  /** Tells one life's names from another's on the same pool. */
  readonly name: string;
  /** Runs what the test itself does with files, unseen by what watches system calls. */
  readonly quietly?: <T>(work: () => T) => T;
  /** Of one volume, without a snapshot or copy. */
  readonly isShort?: boolean;
}

/** The calls of a volume's whole life, with a snapshot, a clone, a volume restored from the snapshot, and a group snapshot. */
export class VolumeLife implements Life {
  readonly steps: readonly LifeStep[];
  readonly acknowledged = new Map<string, string>();
  readonly ids = new Set<string>();
  readonly #groups = new Map<string, string>();
  readonly #options: LifeOptions;
  readonly #quietly: <T>(work: () => T) => T;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#quietly = options.quietly ?? ((work) => work());
    this.steps = options.isShort ? this.#composeShort() : this.#compose();
  }

  #compose(): LifeStep[] {
    const { name } = this.#options;
    const [source, clone, restored, snapshot, group] = ['source', 'clone', 'restored', 'snapshot', 'group'].map(
      (n) => `${name}-${n}`,
    ) as [string, string, string, string, string];
    const copies = [
      this.#snapshot(snapshot, source),
      this.#create(clone, () => ({ volume: { volumeId: this.#id(source) } })),
      this.#create(restored, () => ({ snapshot: { snapshotId: this.#id(snapshot) } })),
    ];
    return [
      this.#create(source),
      this.#attach(source),
      ...this.#use(source),
      this.#write(source),
      ...(this.#options.kind.copiedIdle ? [...this.#release(source), ...copies, ...this.#use(source)] : copies),
      ...this.#expand(source),
      ...this.#release(source),
      this.#detach(source),
      this.#groupSnapshot(group, [source, clone]),
      ...this.#modify(restored),
      ...[clone, restored].flatMap((copy) => [...this.#use(copy), this.#read(copy), ...this.#release(copy)]),
      this.#delete(source),
      this.#deleteGroupSnapshot(group, [source, clone]),
      this.#delete(clone),
      this.#deleteSnapshot(snapshot),
      this.#delete(restored),
    ];
  }

  #composeShort(): LifeStep[] {
    const name = `${this.#options.name}-volume`;
    return [
      this.#create(name),
      this.#attach(name),
      ...this.#use(name),
      ...this.#expand(name),
      ...this.#release(name),
      this.#detach(name),
      this.#delete(name),
    ];
  }

  /** Calls that read what a volume holds that was filled, or a snapshot. */
  reading(of: 'volume' | 'snapshot', id: string): readonly LifeStep[] {
    const name = `${this.#options.name}-read`;
    const source = `${name}-${of}`;
    this.#know(source, id);
    const read = (volume: string) => [...this.#use(volume), this.#read(volume), ...this.#release(volume)];
    if (of === 'volume') return read(source);
    return [this.#create(name, () => ({ snapshot: { snapshotId: id } })), ...read(name), this.#delete(name)];
  }

  #know(name: string, id: string): void {
    this.acknowledged.set(name, id);
    this.ids.add(id);
  }

  #id(name: string): string {
    return this.acknowledged.get(name) ?? 'none';
  }

  #create(name: string, source?: () => object): LifeStep {
    const { parameters, access, mib } = this.#options.kind;
    return {
      what: `CreateVolume ${name}`,
      run: async ({ controller }) => {
        const { volume } = await controller.CreateVolume({
          name,
          volumeCapabilities: [capabilityOf(access)],
          capacityRange: { requiredBytes: String(mib * MiB), limitBytes: '0' },
          parameters: { ...parameters },
          ...(source ? { volumeContentSource: source() } : {}),
        });
        return () => this.#know(name, volume!.volumeId);
      },
    };
  }

  #paths(name: string) {
    const { folder } = this.#options;
    return { stagingTargetPath: join(folder, `stage-${name}`), targetPath: join(folder, `target-${name}`) };
  }

  #use(name: string): LifeStep[] {
    const paths = this.#paths(name);
    const volumeCapability = capabilityOf(this.#options.kind.access);
    return [
      {
        what: `NodeStageVolume ${name}`,
        run: async ({ node }) => {
          this.#quietly(() => mkdirSync(paths.stagingTargetPath, { recursive: true }));
          const { stagingTargetPath } = paths;
          await node.NodeStageVolume({ volumeId: this.#id(name), stagingTargetPath, volumeCapability });
        },
      },
      {
        what: `NodePublishVolume ${name}`,
        run: ({ node }) => node.NodePublishVolume({ volumeId: this.#id(name), ...paths, volumeCapability }),
      },
    ];
  }

  #write(name: string): LifeStep {
    return { what: `write ${name}`, run: async () => this.#quietly(() => this.#mark(this.#paths(name).targetPath)) };
  }

  #read(name: string): LifeStep {
    return { what: `read ${name}`, run: async () => this.#quietly(() => this.#compare(this.#paths(name).targetPath)) };
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

  #attach(name: string): LifeStep {
    const volumeCapability = capabilityOf(this.#options.kind.access);
    return {
      what: `ControllerPublishVolume ${name}`,
      run: ({ controller }) =>
        controller.ControllerPublishVolume({ volumeId: this.#id(name), nodeId: 'n1', volumeCapability }),
    };
  }

  #detach(name: string): LifeStep {
    return {
      what: `ControllerUnpublishVolume ${name}`,
      run: ({ controller }) => controller.ControllerUnpublishVolume({ volumeId: this.#id(name), nodeId: 'n1' }),
    };
  }

  #groupSnapshot(name: string, sources: readonly string[]): LifeStep {
    return {
      what: `CreateVolumeGroupSnapshot ${name}`,
      run: async ({ groups }) => {
        const sourceVolumeIds = sources.map((source) => this.#id(source));
        const { groupSnapshot } = await groups.CreateVolumeGroupSnapshot({ name, sourceVolumeIds });
        return () => {
          const { groupSnapshotId, snapshots } = groupSnapshot!;
          this.#groups.set(name, groupSnapshotId);
          for (const [index, source] of sources.entries()) {
            this.#know(`${name} of ${source}`, snapshots[index]?.snapshotId ?? 'none');
          }
        };
      },
    };
  }

  #deleteGroupSnapshot(name: string, sources: readonly string[]): LifeStep {
    const members = sources.map((source) => `${name} of ${source}`);
    return {
      what: `DeleteVolumeGroupSnapshot ${name}`,
      run: async ({ groups }) => {
        const snapshotIds = members.map((member) => this.#id(member));
        const groupSnapshotId = this.#groups.get(name) ?? 'none';
        await groups.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds });
        return () => members.forEach((member) => void this.acknowledged.delete(member));
      },
    };
  }

  /** To something else, and in the end to what is removed at once. */
  #modify(name: string): LifeStep[] {
    const { backend, provisioning = 'thin' } = this.#options.kind.parameters;
    const byProvisioning = [{ provisioning: 'reserved' }, { provisioning: 'thin' }];
    const byTrash = [{ onDelete: 'trash', trashTTL: '1h' }, { onDelete: 'delete' }];
    if (provisioning === 'reserved') byProvisioning.reverse();
    return (backend === 'image' ? byProvisioning : byTrash).map((mutableParameters) => ({
      what: `ControllerModifyVolume ${name}`,
      run: ({ controller }) => controller.ControllerModifyVolume({ volumeId: this.#id(name), mutableParameters }),
    }));
  }

  #expand(name: string): LifeStep[] {
    const capacityRange = { requiredBytes: String(this.#options.kind.mib * 2 * MiB), limitBytes: '0' };
    return [
      {
        what: `ControllerExpandVolume ${name}`,
        run: ({ controller }) => controller.ControllerExpandVolume({ volumeId: this.#id(name), capacityRange }),
      },
      {
        what: `NodeExpandVolume ${name}`,
        run: ({ node }) => {
          const volumePath = this.#paths(name).targetPath;
          // A mounted ext4 grows only for those with CAP_SYS_RESOURCE, and says so.
          return node.NodeExpandVolume({ volumeId: this.#id(name), volumePath }).catch((error: { message: string }) => {
            if (!error.message.includes('CAP_SYS_RESOURCE')) throw error;
          });
        },
      },
    ];
  }

  #release(name: string): LifeStep[] {
    const { stagingTargetPath, targetPath } = this.#paths(name);
    return [
      {
        what: `NodeUnpublishVolume ${name}`,
        run: ({ node }) => node.NodeUnpublishVolume({ volumeId: this.#id(name), targetPath }),
      },
      {
        what: `NodeUnstageVolume ${name}`,
        run: ({ node }) => node.NodeUnstageVolume({ volumeId: this.#id(name), stagingTargetPath }),
      },
    ];
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

  /** Content at the beginning of a device is left alone, where a filesystem would be looked for. */
  #mark(target: string): void {
    if ('mount' in this.#options.kind.access) {
      mkdirSync(join(target, 'folder'), { recursive: true });
      for (const name of ['file', 'folder/deep']) writeFileSync(join(target, name), content);
      return;
    }
    const device = openSync(target, 'r+');
    writeSync(device, content, 0, content.length, 2 * MiB);
    fsyncSync(device);
    closeSync(device);
  }

  #compare(target: string): void {
    for (const name of 'mount' in this.#options.kind.access ? ['file', 'folder/deep'] : ['']) {
      const found = name === '' ? readDevice(target) : readFileSync(join(target, name));
      if (!found.equals(content)) throw new Error(`${target}/${name} does not hold what was written to the source`);
    }
  }
}

const content = Buffer.alloc(20_000, 'what the workload wrote ');

function readDevice(path: string): Buffer {
  const bytes = Buffer.alloc(content.length);
  const device = openSync(path, 'r');
  readSync(device, bytes, 0, bytes.length, 2 * MiB);
  closeSync(device);
  return bytes;
}

/** Folders in folders that a pool always has. */
const standing = new Set(['nfs/staged', 'nfs/trash', 'nfs/shares', 'nfs/mounts']);

/** What is below a pool besides its catalog and its own folders: nothing, when every volume was deleted. */
export function leftInPool(pool: string): string[] {
  return entriesOf(pool).filter((name) => {
    if (name === 'lock' || name.startsWith('catalog.db') || standing.has(name)) return false;
    // Where to look on the day the catalog is lost.
    if (name.startsWith('nfs/shares/')) return false;
    return name.includes('/') || !lstatSync(join(pool, name)).isDirectory();
  });
}

/** The trash is being emptied meanwhile. */
function entriesOf(folder: string): string[] {
  for (;;) {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
  }
}

/** Loop devices of volumes with these ids. */
export function loopsOf(ids: ReadonlySet<string>): string[] {
  return listLoops()
    .filter(({ backingFile }) => ids.has(basename(backingFile.replace(/ \(deleted\)$/, ''))))
    .map(({ number, backingFile }) => `/dev/loop${number} on ${backingFile}`);
}

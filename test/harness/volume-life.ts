import type { LifeOptions, LifeStep } from './life.ts';
import { LifeSteps } from './life-steps.ts';

/** The calls of a volume's whole life, with a snapshot, a clone, a volume restored from the snapshot, and a group snapshot. */
export class VolumeLife extends LifeSteps {
  readonly steps: readonly LifeStep[];
  readonly #groups = new Map<string, string>();

  constructor(options: LifeOptions) {
    super(options);
    this.steps = options.isShort ? this.#composeShort() : this.#compose();
  }

  #compose(): LifeStep[] {
    const [source, clone, restored, snapshot, group] = this.named('source', 'clone', 'restored', 'snapshot', 'group');
    const copies = [
      this.snapshot(snapshot, source),
      this.cloneOf(source, clone),
      this.restoredFrom(snapshot, restored),
    ];
    return [
      this.create(source),
      this.#attach(source),
      ...this.use(source),
      this.write(source),
      ...(this.options.kind.copiedIdle ? [...this.release(source), ...copies, ...this.use(source)] : copies),
      ...this.#expand(source),
      ...this.release(source),
      this.#detach(source),
      this.#groupSnapshot(group, [source, clone]),
      ...this.#modify(restored),
      ...[clone, restored].flatMap((copy) => [...this.use(copy), this.read(copy), ...this.release(copy)]),
      this.delete(source),
      this.#deleteGroupSnapshot(group, [source, clone]),
      this.delete(clone),
      this.deleteSnapshot(snapshot),
      this.delete(restored),
    ];
  }

  #composeShort(): LifeStep[] {
    const [name] = this.named('volume');
    return [
      this.create(name),
      this.#attach(name),
      ...this.use(name),
      ...this.#expand(name),
      ...this.release(name),
      this.#detach(name),
      this.delete(name),
    ];
  }

  /** Calls that read what a volume holds that was filled, or a snapshot. */
  reading(of: 'volume' | 'snapshot', id: string): readonly LifeStep[] {
    const [name, source] = this.named('read', `read-${of}`);
    this.know(source, id);
    const read = (volume: string) => [...this.use(volume), this.read(volume), ...this.release(volume)];
    if (of === 'volume') return read(source);
    return [this.restoredFrom(source, name), ...read(name), this.delete(name)];
  }

  #attach(name: string): LifeStep {
    const volumeCapability = this.capability;
    return {
      what: `ControllerPublishVolume ${name}`,
      run: ({ controller }) =>
        controller.ControllerPublishVolume({ volumeId: this.id(name), nodeId: 'n1', volumeCapability }),
    };
  }

  #detach(name: string): LifeStep {
    return {
      what: `ControllerUnpublishVolume ${name}`,
      run: ({ controller }) => controller.ControllerUnpublishVolume({ volumeId: this.id(name), nodeId: 'n1' }),
    };
  }

  #groupSnapshot(name: string, sources: readonly string[]): LifeStep {
    return {
      what: `CreateVolumeGroupSnapshot ${name}`,
      run: async ({ groups }) => {
        const sourceVolumeIds = sources.map((source) => this.id(source));
        const { groupSnapshot } = await groups.CreateVolumeGroupSnapshot({ name, sourceVolumeIds });
        return () => {
          const { groupSnapshotId, snapshots } = groupSnapshot!;
          this.#groups.set(name, groupSnapshotId);
          for (const [index, source] of sources.entries()) {
            this.know(`${name} of ${source}`, snapshots[index]?.snapshotId ?? 'none');
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
        const snapshotIds = members.map((member) => this.id(member));
        const groupSnapshotId = this.#groups.get(name) ?? 'none';
        await groups.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds });
        return () => members.forEach((member) => void this.acknowledged.delete(member));
      },
    };
  }

  /** To something else, and in the end to what is removed at once. */
  #modify(name: string): LifeStep[] {
    const { backend, provisioning = 'thin' } = this.options.kind.parameters;
    const byProvisioning = [{ provisioning: 'reserved' }, { provisioning: 'thin' }];
    const byTrash = [{ onDelete: 'trash', trashTTL: '1h' }, { onDelete: 'delete' }];
    if (provisioning === 'reserved') byProvisioning.reverse();
    return (backend === 'image' ? byProvisioning : byTrash).map((mutableParameters) => ({
      what: `ControllerModifyVolume ${name}`,
      run: ({ controller }) => controller.ControllerModifyVolume({ volumeId: this.id(name), mutableParameters }),
    }));
  }

  #expand(name: string): LifeStep[] {
    const volumePath = this.paths(name).targetPath;
    return [
      this.grow(name),
      {
        what: `NodeExpandVolume ${name}`,
        run: ({ node }) =>
          // A mounted ext4 grows only for those with CAP_SYS_RESOURCE, and says so.
          node.NodeExpandVolume({ volumeId: this.id(name), volumePath }).catch((error: { message: string }) => {
            if (!error.message.includes('CAP_SYS_RESOURCE')) throw error;
          }),
      },
    ];
  }
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Access } from './image-driver.ts';
import type { Life, LifeOptions, LifeStep } from './life.ts';
import { checkContent, writeContent } from './life-content.ts';

const MiB = 1024 ** 2;

type Mode = 'SINGLE_NODE_WRITER' | 'MULTI_NODE_MULTI_WRITER';

/** The calls that the lives of all volumes are made of that somebody makes and deletes. */
export abstract class LifeSteps implements Life {
  abstract readonly steps: readonly LifeStep[];
  readonly acknowledged = new Map<string, string>();
  readonly ids = new Set<string>();
  protected readonly options: LifeOptions;
  protected readonly capability: Access & { readonly accessMode: { readonly mode: Mode } };
  protected readonly quietly: <T>(work: () => T) => T;

  constructor(options: LifeOptions) {
    const { access, mode = 'SINGLE_NODE_WRITER' } = options.kind;
    this.options = options;
    this.capability = { ...access, accessMode: { mode } };
    this.quietly = options.quietly ?? ((work) => work());
  }

  /** Names of things of this life. */
  protected named<const N extends readonly string[]>(...names: N): { readonly [K in keyof N]: string } {
    return names.map((name) => `${this.options.name}-${name}`) as { readonly [K in keyof N]: string };
  }

  protected know(name: string, id: string): void {
    this.acknowledged.set(name, id);
    this.ids.add(id);
  }

  protected id(name: string): string {
    return this.acknowledged.get(name) ?? 'none';
  }

  protected paths(name: string) {
    const { folder } = this.options;
    return { stagingTargetPath: join(folder, `stage-${name}`), targetPath: join(folder, `target-${name}`) };
  }

  protected create(name: string, source?: () => object): LifeStep {
    const { parameters, mib } = this.options.kind;
    return {
      what: `CreateVolume ${name}`,
      run: async ({ controller }) => {
        const { volume } = await controller.CreateVolume({
          name,
          volumeCapabilities: [this.capability],
          capacityRange: { requiredBytes: String(mib * MiB), limitBytes: '0' },
          parameters: { ...parameters },
          ...(source ? { volumeContentSource: source() } : {}),
        });
        return () => this.know(name, volume!.volumeId);
      },
    };
  }

  protected cloneOf(source: string, name: string): LifeStep {
    return this.create(name, () => ({ volume: { volumeId: this.id(source) } }));
  }

  protected restoredFrom(snapshot: string, name: string): LifeStep {
    return this.create(name, () => ({ snapshot: { snapshotId: this.id(snapshot) } }));
  }

  protected snapshot(name: string, source: string): LifeStep {
    return {
      what: `CreateSnapshot ${name}`,
      run: async ({ controller }) => {
        const { snapshot } = await controller.CreateSnapshot({ name, sourceVolumeId: this.id(source) });
        return () => this.know(name, snapshot!.snapshotId);
      },
    };
  }

  /** To twice its size, as far as it is the controller's. */
  protected grow(name: string): LifeStep {
    const capacityRange = { requiredBytes: String(this.options.kind.mib * 2 * MiB), limitBytes: '0' };
    return {
      what: `ControllerExpandVolume ${name}`,
      run: ({ controller }) => controller.ControllerExpandVolume({ volumeId: this.id(name), capacityRange }),
    };
  }

  protected use(name: string): LifeStep[] {
    const paths = this.paths(name);
    const { stagingTargetPath } = paths;
    const volumeCapability = this.capability;
    return [
      {
        what: `NodeStageVolume ${name}`,
        run: async ({ node }) => {
          this.quietly(() => mkdirSync(stagingTargetPath, { recursive: true }));
          await node.NodeStageVolume({ volumeId: this.id(name), stagingTargetPath, volumeCapability });
        },
      },
      {
        what: `NodePublishVolume ${name}`,
        run: ({ node }) => node.NodePublishVolume({ volumeId: this.id(name), ...paths, volumeCapability }),
      },
    ];
  }

  protected release(name: string): LifeStep[] {
    const { stagingTargetPath, targetPath } = this.paths(name);
    return [
      {
        what: `NodeUnpublishVolume ${name}`,
        run: ({ node }) => node.NodeUnpublishVolume({ volumeId: this.id(name), targetPath }),
      },
      {
        what: `NodeUnstageVolume ${name}`,
        run: ({ node }) => node.NodeUnstageVolume({ volumeId: this.id(name), stagingTargetPath }),
      },
    ];
  }

  protected delete(name: string): LifeStep {
    return {
      what: `DeleteVolume ${name}`,
      run: async ({ controller }) => {
        await controller.DeleteVolume({ volumeId: this.id(name) });
        return () => this.acknowledged.delete(name);
      },
    };
  }

  protected deleteSnapshot(name: string): LifeStep {
    return {
      what: `DeleteSnapshot ${name}`,
      run: async ({ controller }) => {
        await controller.DeleteSnapshot({ snapshotId: this.id(name) });
        return () => this.acknowledged.delete(name);
      },
    };
  }

  protected write(name: string, at = this.paths(name).targetPath): LifeStep {
    return { what: `write ${name}`, run: async () => this.quietly(() => writeContent(at, this.#isDevice)) };
  }

  protected read(name: string, at = this.paths(name).targetPath): LifeStep {
    return { what: `read ${name}`, run: async () => this.quietly(() => checkContent(at, this.#isDevice)) };
  }

  get #isDevice(): boolean {
    return 'block' in this.options.kind.access;
  }
}

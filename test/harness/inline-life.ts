import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Life, LifeOptions, LifeStep } from './life.ts';

const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
const grouped = { mount: { volumeMountGroup: '2000' }, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
const content = 'what the workload wrote';

/** The calls of inline volumes: in memory, published without having been made, gone when they are unpublished. */
export class InlineLife implements Life {
  readonly steps: readonly LifeStep[];
  readonly acknowledged = new Map<string, string>();
  readonly ids = new Set<string>();
  readonly #options: LifeOptions;

  constructor(options: LifeOptions) {
    this.#options = options;
    const { name } = options;
    const [first, second] = [`${name}-first`, `${name}-second`];
    this.steps = [
      this.#publish(first),
      this.#with(`write ${first}`, first, (file) => writeFileSync(file, content)),
      this.#publish(second, grouped),
      this.#measure(first),
      this.#unpublish(second),
      this.#with(`read ${first}`, first, (file) => {
        if (readFileSync(file, 'utf8') !== content) throw new Error(`${file} does not hold what was written to it`);
      }),
      this.#unpublish(first),
    ];
  }

  #target(name: string): string {
    return join(this.#options.folder, `pods-${this.#options.name}`, name);
  }

  #publish(name: string, capability: typeof volumeCapability | typeof grouped = volumeCapability): LifeStep {
    const volumeContext = { 'csi.storage.k8s.io/ephemeral': 'true', size: '1Mi' };
    return {
      what: `NodePublishVolume ${name}`,
      run: ({ node }) => {
        const targetPath = this.#target(name);
        this.#quietly(() => mkdirSync(join(targetPath, '..'), { recursive: true }));
        return node.NodePublishVolume({
          volumeId: `csi-${name}`,
          targetPath,
          volumeCapability: capability,
          volumeContext,
        });
      },
    };
  }

  #measure(name: string): LifeStep {
    return {
      what: `NodeGetVolumeStats ${name}`,
      run: ({ node }) => node.NodeGetVolumeStats({ volumeId: `csi-${name}`, volumePath: this.#target(name) }),
    };
  }

  #unpublish(name: string): LifeStep {
    return {
      what: `NodeUnpublishVolume ${name}`,
      run: ({ node }) => node.NodeUnpublishVolume({ volumeId: `csi-${name}`, targetPath: this.#target(name) }),
    };
  }

  #with(what: string, name: string, use: (file: string) => void): LifeStep {
    return { what, run: async () => this.#quietly(() => use(join(this.#target(name), 'file'))) };
  }

  #quietly<T>(work: () => T): T {
    return this.#options.quietly ? this.#options.quietly(work) : work();
  }
}

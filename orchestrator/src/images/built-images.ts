import { SharedCalls } from '@berth/kit';
import type { ContentStore } from './content-store.ts';

/** Makes an image that no registry has. */
export interface ImageBuilder {
  /** Whether an image with this label {@link madeFromLabel} would still come out the same. Asked at every start: cheap. */
  isCurrent(madeFrom: string): Promise<boolean>;
  /** Puts blobs, config and manifest into the store. @returns the manifest's digest. */
  build(content: ContentStore): Promise<string>;
}

export const madeFromLabel = 'local.berth.made-from';

/** Images that are assembled on this machine, by name. */
export class BuiltImages {
  readonly #builders = new Map<string, ImageBuilder>();
  readonly #running = new SharedCalls<string>();

  add(name: string, builder: ImageBuilder): void {
    this.#builders.set(name, builder);
  }

  has(name: string): boolean {
    return this.#builders.has(name);
  }

  async isStale(name: string, labels: Readonly<Record<string, string>> | null | undefined): Promise<boolean> {
    const builder = this.#builders.get(name);
    const madeFrom = labels?.[madeFromLabel];
    return builder !== undefined && (madeFrom === undefined || !(await builder.isCurrent(madeFrom)));
  }

  /** One build however many wait for it; a failed one is tried again by the next who asks. */
  once(name: string, build: (builder: ImageBuilder) => Promise<string>): Promise<string> {
    const builder = this.#builders.get(name) as ImageBuilder;
    return this.#running.run(name, () => build(builder));
  }
}

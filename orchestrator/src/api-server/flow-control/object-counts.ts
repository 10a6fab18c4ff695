import type { Clock } from '@berth/kit';
import type { ServerContext } from '../server-context.ts';

export interface ObjectCount {
  readonly count: number;
  readonly averageBytes: number;
}

/** As often as upstream counts. */
const freshMs = 60_000;
const sampleSize = 100;

/** How many objects of a resource there are and how large, about: counted when first asked for, and once a minute while it is. */
export class ObjectCounts {
  readonly #context: ServerContext;
  readonly #clock: Clock;
  readonly #known = new Map<string, { at: number; value: ObjectCount | undefined }>();

  constructor(context: ServerContext) {
    this.#context = context;
    this.#clock = context.clock;
  }

  /** Undefined: not counted yet, or not served. */
  of(group: string, resource: string): ObjectCount | undefined {
    const key = `${group}/${resource}`;
    const known = this.#known.get(key);
    if (known && this.#clock.monotonicMs() - known.at < freshMs) return known.value;
    // What is served is a short list; what someone asks for is not.
    if (known || this.#context.registry.ofResource(group, resource)) void this.#count(group, resource, key);
    return known?.value;
  }

  async #count(group: string, resource: string, key: string): Promise<void> {
    const entry = { at: this.#clock.monotonicMs(), value: this.#known.get(key)?.value };
    this.#known.set(key, entry);
    try {
      entry.value = await countOf(this.#context, group, resource);
    } catch {
      // The store is closing or ill, as the request itself will say.
    }
  }
}

/** Counts keys, and measures the first ones. */
export async function countOf(
  context: ServerContext,
  group: string,
  resource: string,
): Promise<ObjectCount | undefined> {
  const storage = context.storageOf(group, resource);
  if (!storage) return undefined;
  const prefix = storage.prefixOf('');
  const { items, remaining } = await context.store.range({ prefix, limit: sampleSize });
  const bytes = items.reduce((sum, { value }) => sum + value.byteLength, 0);
  return { count: items.length + remaining, averageBytes: items.length === 0 ? 0 : bytes / items.length };
}

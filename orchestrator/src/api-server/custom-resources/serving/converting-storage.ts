import type { KeyValue, StoreEvent } from '../../../store/store.ts';
import { readingCost } from '../../decoding/costs.ts';
import { turns } from '../../decoding/turns.ts';
import { type ObjectRange, ObjectStorage } from '../../object-storage.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { StoredObject } from '../../stored-object.ts';
import type { CustomCodec } from './custom-codec.ts';

/** Converts objects of a custom resource to another of its versions. @throws ApiError – whoever converts them failed. */
export type ConvertObjects = (
  objects: readonly AnyObject[],
  version: string,
  signal?: AbortSignal,
) => Promise<readonly AnyObject[]>;

/** Of one request to whoever converts: reading and writing them and the answer has room in a turn of the event loop. */
const [mostAtOnce, mostBytesAtOnce] = [500, 256 * 1024];
/** In units of {@link turns}. */
const unitsPerLook = 5;

/** A storage whose objects another program converts: before anyone looks at them, several at once. */
export class ConvertingStorage extends ObjectStorage {
  readonly #codec: CustomCodec;
  readonly #convert: ConvertObjects;
  readonly #storageVersion: string;
  /** The revisions before batches that are being converted, and so not delivered yet. */
  readonly #held = new Set<{ readonly revision: number }>();

  constructor(
    options: ConstructorParameters<typeof ObjectStorage>[0] & {
      readonly codec: CustomCodec;
      readonly convert: ConvertObjects;
      readonly storageVersion: string;
    },
  ) {
    super(options);
    this.#codec = options.codec;
    this.#convert = options.convert;
    this.#storageVersion = options.storageVersion;
  }

  /** A bookmark must not overtake what waits for its conversion. */
  override get revision(): number {
    let lowest = super.revision;
    for (const { revision } of this.#held) lowest = Math.min(lowest, revision);
    return lowest;
  }

  /** Converted anew, as upstream: whoever converts may have become another since. */
  override async find(...asked: Parameters<ObjectStorage['find']>): Promise<StoredObject | undefined> {
    const found = await super.find(...asked);
    if (!found || this.#codec.versionOf(found.kv) === this.definition.version) return found;
    const kv = { ...found.kv };
    await this.#prepare([kv]);
    return new StoredObject(this.#codec, kv);
  }

  override async range(range: ObjectRange) {
    const result = await super.range(range);
    await this.#prepare(result.objects.map(({ kv }) => kv));
    return result;
  }

  override async create(object: AnyObject): Promise<StoredObject> {
    await this.#prepareWrite(object);
    return this.#prepared(await super.create(object));
  }

  override async replace(current: StoredObject, next: AnyObject): Promise<StoredObject | undefined> {
    await this.#prepareWrite(next);
    const written = await super.replace(current, next);
    return written && this.#prepared(written);
  }

  /** Dry runs, too, are converted to what would be stored and back (DryRunnableStorage). */
  override async dryRun(...asked: Parameters<ObjectStorage['dryRun']>): Promise<AnyObject> {
    const object = this.pretend(...asked);
    const { version } = this.definition;
    if (version === this.#storageVersion) return object;
    const stored = await this.#convert([object], this.#storageVersion);
    const [converted] = await this.#convert(stored, version);
    this.#codec.settle(converted as AnyObject);
    return converted as AnyObject;
  }

  override async remove(current: StoredObject): Promise<StoredObject | undefined> {
    const removed = await super.remove(current);
    return removed && this.#prepared(removed);
  }

  override async *watch(namespace: string, after: number, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[]> {
    let delivered = after;
    for await (const events of super.watch(namespace, after, signal)) {
      const held = { revision: delivered };
      this.#held.add(held);
      try {
        await this.#prepare(
          events.flatMap(({ item, previous }) => (previous ? [item, previous] : [item])),
          signal,
        );
      } finally {
        this.#held.delete(held);
      }
      delivered = events.at(-1)?.item.modRevision ?? delivered;
      yield events;
    }
  }

  async #prepared(object: StoredObject): Promise<StoredObject> {
    await this.#prepare([object.kv]);
    return object;
  }

  async #prepareWrite(object: AnyObject): Promise<void> {
    if (this.definition.version === this.#storageVersion) return;
    const [stored] = await this.#convert([object], this.#storageVersion);
    if (stored) this.#codec.noteStoredForm(object, stored);
  }

  async #prepare(kvs: readonly KeyValue[], signal?: AbortSignal): Promise<void> {
    const { version } = this.definition;
    let waiting: KeyValue[] = [];
    let bytes = 0;
    for (const kv of kvs) {
      const pause = turns.goOn(unitsPerLook);
      if (pause) await pause;
      if (this.#codec.isConverted(kv) || this.#codec.versionOf(kv) === version) continue;
      if (waiting.length === mostAtOnce || bytes + kv.value.length > mostBytesAtOnce) {
        await this.#converted(waiting, signal);
        [waiting, bytes] = [[], 0];
      }
      waiting.push(kv);
      bytes += kv.value.length;
    }
    await this.#converted(waiting, signal);
  }

  async #converted(waiting: readonly KeyValue[], signal: AbortSignal | undefined): Promise<void> {
    if (waiting.length === 0) return;
    const { version } = this.definition;
    const pause = turns.goOn(waiting.reduce((sum, kv) => sum + readingCost({ kv }), 0));
    if (pause) await pause;
    const objects = waiting.map((kv) => this.#codec.asStored(kv));
    const converted = await this.#convert(objects, version, signal);
    for (const [i, kv] of waiting.entries()) this.#codec.noteConverted(kv, converted[i] as AnyObject);
  }
}

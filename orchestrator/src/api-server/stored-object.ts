import { mayHaveLargeInteger, messageOf, roundedIntegers } from '@berth/kit';
import { apiVersionOf, copyJson, parseExact, stringifyDeep } from '@berth/kube';
import type { KeyValue } from '../store/store.ts';
import { largeBytes } from './decoding/large-bodies.ts';
import type { RecentValues } from './recent-values.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import { type Splice, splicedBytes, wholeSplice } from './splice.ts';
import { metadataOf } from './stored-metadata.ts';

const encoder = new TextEncoder();
const metadataLength = '"metadata":{'.length;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** How every stored value begins; metadata comes third, so that a revision can be spliced in without parsing. */
function headOf(kind: string, apiVersion: string): string {
  return `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`;
}

/** Bytes of an object as stored: kind, apiVersion and metadata first, without its resourceVersion. */
export function encodeObject(object: AnyObject): Uint8Array {
  const { kind = '', apiVersion = '', metadata, ...rest } = object;
  const { resourceVersion: _, ...meta } = metadata;
  const tail = stringifyDeep(rest);
  return encoder.encode(
    `${headOf(kind, apiVersion)}"metadata":${stringifyDeep(meta)}${tail === '{}' ? '}' : `,${tail.slice(1)}`}`,
  );
}

/** @throws Error – what an earlier server encrypted, and this one was given no key of; in upstream's words. */
function readStored({ key, value }: KeyValue): AnyObject {
  const text = Buffer.from(value).toString();
  try {
    return parseExact(text) as AnyObject;
  } catch (error) {
    const why = text.startsWith('k8s:enc:') ? 'identity transformer tried to read encrypted data' : messageOf(error);
    throw new Error(`unable to transform key ${JSON.stringify(key)}: ${why}`, { cause: error });
  }
}

/** What passes as bytes is not parsed: that it is an object at all is seen by how it begins. @throws Error – as {@link readStored}. */
function ensureReadable(kv: KeyValue): void {
  if (kv.value[0] !== openBrace) readStored(kv);
}

/** Weak: informers keep what they use, and what only passes as bytes costs no second copy. */
interface DecodedObject {
  readonly of: KeyValue;
  readonly codec: ObjectCodec;
  /** The same by one other codec: a kind may be read in two versions all the time. */
  other: DecodedObject | undefined;
  object?: WeakRef<AnyObject>;
  plain?: WeakRef<AnyObject>;
  head?: WeakRef<AnyObject>;
  /** It is sent as it lies there: no schema would change it. */
  isSettled?: boolean;
}

/** One object at one revision, decoded once for all who look at it, sent without being encoded again. Shared: nobody changes it. */
export class StoredObject {
  readonly definition: ResourceDefinition;
  readonly kv: KeyValue;
  readonly #codec: ObjectCodec;
  #decoded: DecodedObject | undefined;

  constructor(codec: ObjectCodec, kv: KeyValue) {
    this.definition = codec.definition;
    this.kv = kv;
    this.#codec = codec;
  }

  get resourceVersion(): string {
    return String(this.kv.modRevision);
  }

  get object(): AnyObject {
    this.#decoded ??= this.#codec.decoded(this.kv);
    const known = this.#decoded.object?.deref();
    if (known) return known;
    const object = this.#codec.decode(this.kv);
    this.#decoded.object = new WeakRef(object);
    return object;
  }

  /** Whether {@link object} is there without being read, for as long as this turn goes on. */
  get isRead(): boolean {
    this.#decoded ??= this.#codec.decoded(this.kv);
    return this.#decoded.object?.deref() !== undefined;
  }

  /** What selectors of metadata look at. Of a large object no more is read. */
  get head(): AnyObject {
    if (this.kv.value.length <= largeBytes) return this.object;
    this.#decoded ??= this.#codec.decoded(this.kv);
    const known = (this.#decoded.object ?? this.#decoded.head)?.deref();
    if (known) return known;
    const head = this.#codec.headOf(this.kv);
    if (!head) return this.object;
    this.#decoded.head = new WeakRef(head);
    return head;
  }

  /** Without managedFields, for what takes them over later. */
  get shed(): AnyObject {
    const { object } = this;
    const { managedFields, ...metadata } = object.metadata;
    return managedFields ? { ...object, metadata } : object;
  }

  /**
   * As parts of this process get it: without managedFields, which they have no use for, so that what they keep stays small.
   * They reckon with numbers: integers that are none are rounded.
   */
  get plain(): AnyObject {
    this.#decoded ??= this.#codec.decoded(this.kv);
    const known = this.#decoded.plain?.deref();
    if (known) return known;
    const { shed } = this;
    const plain = mayHaveLargeInteger(Buffer.from(this.kv.value).toString('latin1')) ? roundedIntegers(shed) : shed;
    this.#decoded.plain = new WeakRef(plain);
    return plain;
  }

  /** The whole JSON document. */
  json(): Uint8Array {
    return splicedBytes(this.splice());
  }

  splice(): Splice {
    return this.#codec.splice(this, true);
  }

  /** As a list shows it: without kind and apiVersion. */
  item(): Splice {
    return this.#codec.splice(this, false);
  }
}

/** Objects as they were encoded, by their bytes. */
export type WrittenObjects = RecentValues<WeakRef<AnyObject>>;

/** What an object is, as it lies in the store. */
type StoredKind = Pick<ResourceDefinition, 'group' | 'version' | 'kind'>;

/** Between stored bytes and objects of one served version. */
export class ObjectCodec {
  readonly definition: ResourceDefinition;
  readonly #stored: StoredKind;
  readonly #headLength: number;
  /** What was just written, so that it need not be parsed again; by the value's identity. */
  readonly #written: WrittenObjects;

  constructor(definition: ResourceDefinition, stored: StoredKind, written: WrittenObjects) {
    this.definition = definition;
    this.#stored = stored;
    this.#written = written;
    this.#headLength = headOf(stored.kind, apiVersionOf(stored)).length;
  }

  view(kv: KeyValue): StoredObject {
    return new StoredObject(this, kv);
  }

  /** What all views of it share; noted on the item, as a weak map of 100,000 takes 100 ms to grow, and holds up the collector. */
  decoded(kv: KeyValue): DecodedObject {
    const noted = kv.notes as DecodedObject | undefined;
    const last = noted?.of === kv ? noted : undefined;
    if (last?.codec === this) return last;
    if (last?.other?.codec === this) return last.other;
    if (last) last.other = undefined;
    const decoded: DecodedObject = { of: kv, codec: this, other: last };
    kv.notes = decoded;
    return decoded;
  }

  /** Whether it is noted of this item, or of that whose copy it is. */
  protected isSettled({ notes, value }: KeyValue): boolean {
    for (let note = notes as DecodedObject | undefined; note; note = note.other)
      if (note.codec === this && note.of.value === value) return note.isSettled === true;
    return false;
  }

  /** Bytes to store of an object of the served version, which is given away. */
  encode(object: AnyObject): Uint8Array {
    const { storedAs } = this.definition;
    const stored: AnyObject = storedAs ? storedAs.toStored(object) : object;
    const typed = { ...stored, kind: this.#stored.kind, apiVersion: apiVersionOf(this.#stored) };
    const value = encodeObject(typed);
    this.#written.set(value, new WeakRef(typed));
    return value;
  }

  /** Whether it is stored in another version than it would be now. */
  isOutdated(_kv: KeyValue): boolean {
    return false;
  }

  decode(kv: KeyValue): AnyObject {
    const base = this.#written.get(kv.value)?.deref() ?? readStored(kv);
    const { storedAs } = this.definition;
    const own: AnyObject = storedAs ? storedAs.fromStored(copyJson(base)) : base;
    return {
      ...own,
      kind: this.definition.kind,
      apiVersion: apiVersionOf(this.definition),
      metadata: { ...own.metadata, resourceVersion: String(kv.modRevision) },
    };
  }

  /** Its metadata alone, without managedFields. Undefined: they are not to be told from the whole. */
  headOf({ value }: KeyValue): AnyObject | undefined {
    const metadata = metadataOf(value);
    return metadata && { metadata };
  }

  splice(view: StoredObject, withKind: boolean): Splice {
    if (this.definition.storedAs) {
      const { kind, apiVersion, ...rest } = view.object;
      return wholeSplice(encoder.encode(JSON.stringify(withKind ? { kind, apiVersion, ...rest } : rest)));
    }
    ensureReadable(view.kv);
    const { value, modRevision } = view.kv;
    const at = this.#headLength + metadataLength;
    const text = `"resourceVersion":"${modRevision}"${value[at] === closeBrace ? '' : ','}`;
    // The comma before metadata is where the brace of an item goes.
    return { bytes: value, from: withKind ? 0 : this.#headLength - 1, at, text };
  }
}

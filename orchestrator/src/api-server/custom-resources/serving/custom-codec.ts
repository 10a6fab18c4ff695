import { apiVersionOf, copyJson, parseExact, stringifyDeep } from '@berth/kube';
import type { KeyValue } from '../../../store/store.ts';
import { RecentValues } from '../../recent-values.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { type Splice, wholeSplice } from '../../splice.ts';
import { encodeObject, ObjectCodec, type StoredObject, type WrittenObjects } from '../../stored-object.ts';
import type { CustomForm } from './custom-form.ts';

const encoder = new TextEncoder();

export interface CustomCodecOptions {
  readonly definition: ResourceDefinition;
  readonly storageVersion: string;
  readonly written: WrittenObjects;
  /** Of every version there is, served or not: objects may be stored in any. */
  readonly forms: ReadonlyMap<string, CustomForm>;
  /** What is created lacks a status, which has a default: it is stored otherwise than it is read. */
  readonly lacksStatus: boolean;
}

/**
 * Between stored bytes and objects of one version: what was stored by an older schema is pruned and filled as today's
 * says. Versions differ by name alone, unless someone converted them before.
 */
export class CustomCodec extends ObjectCodec {
  readonly #o: CustomCodecOptions;
  /** What was just written: no schema would change it. */
  readonly #settled = new RecentValues<true>();
  readonly #converted = new WeakMap<KeyValue, AnyObject>();
  readonly #toStore = new WeakMap<AnyObject, AnyObject>();

  constructor(options: CustomCodecOptions) {
    const { definition, storageVersion, written } = options;
    const { group, kind } = definition;
    super(definition, { group, kind, version: storageVersion }, written);
    this.#o = options;
  }

  /** The version an object is stored in. */
  versionOf(kv: KeyValue): string {
    const { group } = this.definition;
    // Every value begins with its kind and apiVersion.
    const { buffer, byteOffset, byteLength } = kv.value;
    const head = Buffer.from(buffer, byteOffset, Math.min(1024, byteLength)).toString('latin1');
    return new RegExp(`"apiVersion":"${group}/([^"]*)"`).exec(head)?.[1] ?? this.#o.storageVersion;
  }

  override isOutdated(kv: KeyValue): boolean {
    return this.versionOf(kv) !== this.#o.storageVersion;
  }

  /** The stored object in its own version. */
  asStored(kv: KeyValue): AnyObject {
    const object = parsed(kv);
    const form = this.#o.forms.get(this.versionOf(kv));
    form?.settle(object);
    form?.fill(object);
    return object;
  }

  noteSettled(value: Uint8Array): void {
    if (!this.#o.lacksStatus) this.#settled.set(value, true);
  }

  /** Makes, in place, of what somebody converted to this version an object of its schema. */
  settle(object: AnyObject): void {
    this.#o.forms.get(this.definition.version)?.settle(object);
  }

  noteConverted(kv: KeyValue, object: AnyObject): void {
    this.settle(object);
    this.#converted.set(kv, object);
  }

  isConverted(kv: KeyValue): boolean {
    return this.#converted.has(kv);
  }

  noteStoredForm(object: AnyObject, stored: AnyObject): void {
    this.#toStore.set(object, stored);
  }

  override encode(object: AnyObject): Uint8Array {
    const { storageVersion, forms } = this.#o;
    const apiVersion = `${this.definition.group}/${storageVersion}`;
    const own = this.definition.version === storageVersion;
    const stored: AnyObject = { ...(this.#toStore.get(object) ?? (own ? object : copyJson(object))), apiVersion };
    stored.kind = this.definition.kind;
    if (!own) forms.get(storageVersion)?.settle(stored);
    const value = encodeObject(stored);
    if (own) this.noteSettled(value);
    return value;
  }

  override decode(kv: KeyValue): AnyObject {
    const object = this.#converted.get(kv) ?? this.#decoded(kv);
    const { kind } = this.definition;
    const metadata = { ...object.metadata, resourceVersion: String(kv.modRevision) };
    return { ...object, kind, apiVersion: apiVersionOf(this.definition), metadata };
  }

  /** What webhooks convert may have other labels. */
  override headOf(kv: KeyValue): AnyObject | undefined {
    return this.#converted.has(kv) ? undefined : super.headOf(kv);
  }

  #decoded(kv: KeyValue): AnyObject {
    // Of a large object that takes as long again as reading it.
    if (this.#isKnownSettled(kv)) return parsed(kv);
    const object = this.asStored(kv);
    if (this.versionOf(kv) !== this.definition.version) this.settle(object);
    return object;
  }

  /** Items of lists say what they are, too: clients read them one by one (unstructured lists). */
  override splice(view: StoredObject): Splice {
    if (this.#isSettled(view)) return super.splice(view, true);
    const { kind, apiVersion, ...rest } = view.object;
    return wholeSplice(encoder.encode(stringifyDeep({ kind, apiVersion, ...rest })));
  }

  #isSettled(view: StoredObject): boolean {
    const { kv } = view;
    if (this.#isKnownSettled(kv)) return true;
    if (this.definition.version !== this.#o.storageVersion || this.#converted.has(kv)) return false;
    const isSettled = Buffer.compare(encodeObject(view.object), kv.value) === 0;
    if (isSettled) this.decoded(kv).isSettled = true;
    return isSettled;
  }

  #isKnownSettled(kv: KeyValue): boolean {
    if (this.definition.version !== this.#o.storageVersion) return false;
    if (this.isSettled(kv)) return true;
    if (!this.#settled.get(kv.value)) return false;
    this.decoded(kv).isSettled = true;
    return true;
  }
}

function parsed({ value }: KeyValue): AnyObject {
  return parseExact(Buffer.from(value).toString()) as AnyObject;
}

import type { DecodedFrom } from '@berth/kube';
import type { Store } from '../../store/store.ts';
import type { Duplicates } from '../decoding/duplicate-problems.ts';
import type { ObjectStorage, WriteObserver } from '../object-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { WrittenObjects } from '../stored-object.ts';
import type { FieldValidation } from '../write-options.ts';
import type { JsonSchema } from './schema/json-schema.ts';
import type { ConvertObjects } from './serving/converting-storage.ts';

/** How a body was read, and what is to become of what no schema knows. */
export interface DecodeOptions extends Duplicates {
  readonly validation: FieldValidation;
  readonly warn: (text: string) => void;
  /** Of a map, what is wrong of the metadata is dropped. */
  readonly from?: DecodedFrom;
}

/** Where a custom resource keeps what the scale endpoint shows. */
export interface ScaleFields {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly labelSelector: readonly string[] | undefined;
  /** As the definition has it, for messages. */
  readonly specReplicasPath: string;
}

/** What a resource that a CustomResourceDefinition defines has beyond a built-in one. */
export interface CustomResource {
  readonly listKind: string;
  /** The version its objects are stored in. */
  readonly storageVersion: string;
  readonly scale: ScaleFields | undefined;
  /** Working by its schema takes long. */
  readonly isLarge: boolean;
  /** How many values its defaults make at most of one that there is. */
  readonly growth: number;
  /** For the `Warning` header of every request. */
  readonly deprecation: string | undefined;
  /** Its definition is being deleted: nothing new is made. */
  readonly isTerminating: boolean;
  /** As it is published in OpenAPI. */
  readonly schema: JsonSchema;
  /** Aborts when this definition is served no more; watches end with it. */
  readonly ended: AbortSignal;
  /** A client's object, pruned; the value is copied. @throws ApiError BadRequest */
  decode(value: Readonly<Record<string, unknown>>, options: DecodeOptions): AnyObject;
  /** Makes, in place, of an object that has passed all checks what is read of it. */
  settle(object: AnyObject): void;
  storage(store: Store, written: WrittenObjects, writes?: WriteObserver): ObjectStorage;
  /** By its webhook; undefined: versions differ by name alone. */
  readonly convert: ConvertObjects | undefined;
  /** These bytes were made by this very definition, in another thread: no schema would change them. */
  noteSettled(value: Uint8Array): void;
}

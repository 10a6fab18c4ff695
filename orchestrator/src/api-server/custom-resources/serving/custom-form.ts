import { apiError, copyAsWritten, DecodeError } from '@berth/kube';
import { duplicateProblems } from '../../decoding/duplicate-problems.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { DecodeOptions } from '../custom-resource.ts';
import { isEmbedded, type JsonSchema, someSchema } from '../schema/json-schema.ts';
import { coerceEmbedded, decodeMetadata } from '../values/coerce-metadata.ts';
import { dropNulls, fillDefaults } from '../values/default-values.ts';
import { prune } from '../values/prune.ts';

/** Brings objects of one version into the form its schema gives them (apiextensions unstructuredSchemaCoercer). */
export class CustomForm {
  readonly version: string;
  readonly #kind: string;
  readonly #schema: JsonSchema;
  /** Whether there are resources in the resource. */
  readonly #embeds: boolean;

  constructor(version: string, kind: string, schema: JsonSchema) {
    this.#embeds = someSchema(schema, isEmbedded);
    this.version = version;
    this.#kind = kind;
    this.#schema = schema;
  }

  /** @throws ApiError BadRequest */
  decode(value: Readonly<Record<string, unknown>>, how: DecodeOptions): AnyObject {
    const { validation, warn } = how;
    const object = copyAsWritten(value) as AnyObject;
    const cannot = (why: string) =>
      apiError(
        'BadRequest',
        `${this.#kind} in version ${JSON.stringify(this.version)} cannot be handled as a ${this.#kind}: ${why}`,
      );
    const unknown = this.#coerce(object, how, cannot);
    const problems = [
      ...duplicateProblems(how, validation === 'Warn'),
      ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ];
    if (problems.length > 0 && validation === 'Strict') throw cannot(`strict decoding error: ${problems.join(', ')}`);
    if (validation === 'Warn') for (const problem of problems) warn(problem);
    return object;
  }

  #coerce(object: AnyObject, { from }: DecodeOptions, cannot: (why: string) => Error): string[] {
    const unknown: string[] = [];
    try {
      const metadata = decodeMetadata(object.metadata ?? {}, from === 'map');
      for (const path of metadata.unknownFields) unknown.push(`metadata.${path}`);
      // What was applied is compared and validated as it was merged: nothing is taken out of it before it is stored.
      if (from !== 'map') unknown.push(...this.#prune(object));
      object.metadata = metadata.object as AnyObject['metadata'];
    } catch (error) {
      throw error instanceof DecodeError ? cannot(error.message) : error;
    }
    const wrong = this.#embeds ? coerceEmbedded(object, this.#schema, '', { strict: true, unknown }) : undefined;
    if (wrong) throw cannot(`${wrong.field}: ${wrong.message}`);
    return unknown;
  }

  #prune(object: AnyObject): string[] {
    const dropped = prune(object, this.#schema, true);
    const { metadata, ...rest } = object;
    dropNulls(rest, this.#schema);
    for (const name of Object.keys(object)) if (name !== 'metadata' && !Object.hasOwn(rest, name)) delete object[name];
    return dropped;
  }

  /** Makes, in place, of what was stored, or converted, an object of today's schema. */
  settle(object: AnyObject): void {
    this.#prune(object);
    this.#coerceEmbedded(object);
  }

  /** The same of what changed since it was decoded; its nulls, and what no schema names, are for validation. */
  settleChanged(object: AnyObject): void {
    this.#coerceEmbedded(object);
  }

  #coerceEmbedded(object: AnyObject): void {
    if (this.#embeds) coerceEmbedded(object, this.#schema, '', { strict: false, unknown: [] });
  }

  /** Fills in defaults, in place. */
  fill(object: AnyObject): void {
    const { metadata: _, ...rest } = object;
    fillDefaults(rest, this.#schema);
    for (const name of Object.keys(rest)) object[name] = (rest as Record<string, unknown>)[name];
  }
}

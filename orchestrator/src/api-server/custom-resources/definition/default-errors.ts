import { copyJson, isRecord } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { allInOrder, child, invalid } from '../../resources/field.ts';
import { hasDefault, isEmbedded, itemsOf, type JsonSchema, someSchema } from '../schema/json-schema.ts';
import { coerceEmbedded } from '../values/coerce-metadata.ts';
import { jsonEqual } from '../values/correlated.ts';
import { embeddedErrors } from '../values/embedded-errors.ts';
import { prune } from '../values/prune.ts';
import { fieldErrorsOf } from '../values/schema-result.ts';
import { ValueValidator, writtenTyping } from '../values/validate-value.ts';

/** Defaults must be what their own schema allows, and pruned (apiextensions defaulting.ValidateDefaults). */
export function defaultErrors(schema: JsonSchema, path: string, requirePruned: boolean): FieldError[] {
  const errors: FieldError[] = [];
  // What has no default has nothing to be checked, however large it is.
  if (!someSchema(schema, hasDefault)) return errors;
  const root = { ...schema, 'x-kubernetes-embedded-resource': true };
  new DefaultChecks(requirePruned, errors).visit(root, path, { root, wrap: (value) => value, insideMeta: false });
  return errors;
}

export function hasUnprunedDefaults(schema: JsonSchema): boolean {
  return someSchema(schema, (each) => hasDefault(each) && !isPruned(each));
}

function isPruned(schema: JsonSchema): boolean {
  const pruned = copyJson(schema.default);
  prune(pruned, schema, isEmbedded(schema));
  return jsonEqual(pruned, schema.default);
}

interface Surroundings {
  /** The resource the value is in. */
  readonly root: JsonSchema;
  /** A resource with the value at its place. */
  readonly wrap: (value: unknown) => unknown;
  readonly insideMeta: boolean;
}

class DefaultChecks {
  readonly #requirePruned: boolean;
  readonly #errors: FieldError[];

  constructor(requirePruned: boolean, errors: FieldError[]) {
    this.#requirePruned = requirePruned;
    this.#errors = errors;
  }

  visit(schema: JsonSchema, path: string, around: Surroundings): void {
    const place = isEmbedded(schema) ? { root: schema, wrap: (value: unknown) => value, insideMeta: false } : around;
    if (hasDefault(schema))
      this.#errors.push(...(place.insideMeta ? metaErrors(schema, path, place) : this.#valueErrors(schema, path)));
    const items = itemsOf(schema);
    if (items) this.visit(items, child(path, 'items'), { ...place, wrap: (value) => place.wrap([value]) });
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const isMeta = isEmbedded(schema) && ['metadata', 'apiVersion', 'kind'].includes(name);
      this.visit(property, `${child(path, 'properties')}[${name}]`, {
        root: place.root,
        wrap: (value) => place.wrap({ [name]: value }),
        insideMeta: place.insideMeta || isMeta,
      });
    }
  }

  #valueErrors(schema: JsonSchema, path: string): FieldError[] {
    const field = child(path, 'default');
    const value = schema.default;
    const unpruned =
      this.#requirePruned && !isPruned(schema)
        ? [invalid(field, allInOrder(value), 'must not have unknown fields')]
        : [];
    const copy = copyJson(value);
    const own = isEmbedded(schema) ? { ...schema, 'x-kubernetes-embedded-resource': true } : schema;
    const coerced = coerceEmbedded(copy, own, field, { strict: true, unknown: [] });
    if (coerced) return [...unpruned, coerced];
    const embedded = embeddedErrors(copy, own, field);
    if (embedded.length > 0) return [...unpruned, ...embedded];
    return [...unpruned, ...fieldErrorsOf(new ValueValidator(schema, writtenTyping).validate(copy), field)];
  }
}

/** Defaults in metadata are checked as a part of a whole resource. */
function metaErrors(schema: JsonSchema, path: string, { root, wrap }: Surroundings): FieldError[] {
  const field = child(path, 'default');
  const value = schema.default;
  const object = { kind: 'Validation', apiVersion: 'validation/v1', ...(wrap(copyJson(value)) as object) };
  const refuse = (why: string) => [invalid(field, value, `must result in valid metadata: ${why}`)];
  const coerced = coerceEmbedded(object, root, '', { strict: true, unknown: [] });
  if (coerced) return refuse(`${coerced.field}: ${coerced.message}`);
  const errors = isRecord(object) ? embeddedErrors(object, root, '') : [];
  if (errors.length > 0) {
    const texts = errors.map((error) => `${error.field}: ${error.message}`);
    return refuse(texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`);
  }
  return fieldErrorsOf(new ValueValidator(schema, writtenTyping).validate(value), field);
}

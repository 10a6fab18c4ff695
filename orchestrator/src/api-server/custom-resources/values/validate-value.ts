import { isInt64, isNumber } from '@berth/kit';
import { isRecord, isWrittenAsFloat } from '@berth/kube';
import { Re2 } from '../../../re2/re2.ts';
import { Re2LimitError } from '../../../re2/re2-error.ts';
import { additionalOf, itemsOf, type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { type Correlated, jsonEqual } from './correlated.ts';
import { hasFormat, knownFormat } from './formats.ts';
import { junctorResult } from './junctors.ts';
import { floatText, isNearlyWhole, numberResult } from './number-limits.ts';
import { failure, SchemaResult } from './schema-result.ts';
import type { Subject } from './subject.ts';

/**
 * Checks values against a schema with the checks, order and words of kube-openapi's validators. What an update did not
 * change may stay as it was, also where it would be refused today (CRDValidationRatcheting).
 */
export class ValueValidator {
  readonly #schema: JsonSchema;
  readonly #typing: (schema: JsonSchema) => Typing;
  readonly #patterns = new Map<string, Re2>();

  constructor(schema: JsonSchema, typing: (schema: JsonSchema) => Typing = servedTyping) {
    this.#schema = schema;
    this.#typing = typing;
  }

  /** `old`: what stood there before, for updates. */
  validate(value: unknown, old?: Correlated): SchemaResult {
    return this.#forgiving(this.#schema, { value, path: '', old });
  }

  #forgiving(schema: JsonSchema, subject: Subject): SchemaResult {
    const result = this.check(schema, subject);
    return !result.isValid && subject.old?.isUnchanged ? result.forgiven() : result;
  }

  /** As {@link validate} for a schema below a junctor, at the same place. */
  check(schema: JsonSchema, subject: Subject): SchemaResult {
    const { value, path, old } = subject;
    const result = new SchemaResult();
    const { types, format } = this.#typing(schema);
    if (value === null) {
      result.merge(typeResult(types, format, schema, subject));
      return result.merge(enumResult(schema, subject));
    }
    const apply = (each: SchemaResult) => {
      result.merge(each);
      result.matches++;
    };
    if (types.length > 0 || format !== undefined) apply(typeResult(types, format, schema, subject));
    apply(junctorResult(this, schema, subject));
    if (typeof value === 'string') {
      apply(this.#stringResult(schema, value, path));
      if (format !== undefined) apply(formatResult(format, value, path));
    } else if (isNumber(value)) apply(numberResult(schema, { ...subject, value }));
    else if (Array.isArray(value)) apply(this.#listResult(schema, value, path, old));
    apply(enumResult(schema, subject));
    if (isRecord(value)) apply(this.#objectResult(schema, value, path, old));
    result.matches++;
    return result;
  }

  #stringResult(schema: JsonSchema, value: string, path: string): SchemaResult {
    const { maxLength, minLength, pattern } = schema;
    const result = new SchemaResult();
    const length = maxLength === undefined && minLength === undefined ? 0 : runeCount(value);
    if (maxLength !== undefined && length > maxLength) {
      const message = `${path} in body should be at most ${maxLength} chars long`;
      return result.add({ kind: 'tooLong', name: path, value, message, limit: maxLength });
    }
    if (minLength !== undefined && length < minLength)
      return result.add(failure(path, value, `should be at least ${minLength} chars long`));
    const problem = pattern ? this.#mismatch(pattern, value) : undefined;
    return problem === undefined ? result : result.add(failure(path, value, problem));
  }

  #mismatch(pattern: string, value: string): string | undefined {
    const known = this.#patterns.get(pattern) ?? new Re2(pattern);
    this.#patterns.set(pattern, known);
    try {
      return known.test(value) ? undefined : `should match '${pattern}'`;
    } catch (error) {
      if (error instanceof Re2LimitError) return `could not be matched with '${pattern}': ${error.message}`;
      throw error;
    }
  }

  #listResult(schema: JsonSchema, value: readonly unknown[], path: string, old: Correlated | undefined): SchemaResult {
    const { minItems, maxItems } = schema;
    const result = new SchemaResult();
    const items = itemsOf(schema);
    if (items)
      for (const [i, item] of value.entries())
        result.merge(
          this.#forgiving(items, {
            value: item,
            path: `${path}[${i}]`,
            old: old?.item(i),
            isFloat: isWrittenAsFloat(value, i),
          }),
        );
    const size = value.length;
    if (minItems !== undefined && size < minItems)
      result.add(failure(path, size, `should have at least ${minItems} items`));
    if (maxItems !== undefined && size > maxItems) {
      const message = `${path} in body should have at most ${maxItems} items`;
      result.add({ kind: 'tooMany', name: path, value: size, message, limit: maxItems });
    }
    result.matches++;
    return result;
  }

  #objectResult(
    schema: JsonSchema,
    value: Readonly<Record<string, unknown>>,
    path: string,
    old: Correlated | undefined,
  ): SchemaResult {
    const result = sizeResult(schema, Object.keys(value).length, path);
    const { additionalProperties, properties = {}, required = [] } = schema;
    const additional = additionalOf(schema);
    const member = (name: string, at: string): Subject => ({
      value: value[name],
      path: at,
      old: this.#before(old, path, name),
      isFloat: isWrittenAsFloat(value, name),
    });
    for (const name of additionalProperties === false || additional ? Object.keys(value) : []) {
      if (propertyOf(schema, name)) continue;
      const at = `${path}.${name}`;
      if (additional) result.merge(this.#forgiving(additional, member(name, at)));
      else
        result.add({
          kind: 'invalid',
          name: path,
          value: name,
          message: `${path}.${name} in body is a forbidden property`,
        });
    }
    for (const [name, property] of Object.entries(properties)) {
      if (!Object.hasOwn(value, name)) continue;
      const at = path === '' ? name : `${path}.${name}`;
      result.merge(this.#forgiving(property, member(name, at)));
    }
    for (const name of required) {
      const at = `${path}.${name}`;
      if (!Object.hasOwn(value, name))
        result.add({ kind: 'required', name: at, value: undefined, message: `${at} in body is required` });
    }
    return result;
  }

  /** The version and kind of an object are those of the request: nothing stood there before. */
  #before(old: Correlated | undefined, path: string, name: string): Correlated | undefined {
    return path === '' && (name === 'apiVersion' || name === 'kind' || name === 'metadata')
      ? undefined
      : old?.member(name);
  }
}

interface Typing {
  readonly types: readonly string[];
  readonly format: string | undefined;
}

/** Of objects: formats that are not known are none (apiextensions ConvertJSONSchemaPropsWithPostProcess). */
function servedTyping(schema: JsonSchema): Typing {
  const written = writtenTyping(schema);
  const types = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : written.types;
  return { types, format: knownFormat(types.length === 1 ? (types[0] as string) : '', schema.format) };
}

/** Of defaults: all is as it stands in the schema (structuralschema ToKubeOpenAPI). */
export function writtenTyping({ type, format }: JsonSchema): Typing {
  return { types: type ? [type] : [], format: format || undefined };
}

function isNumeric(types: readonly string[]): boolean {
  return types.includes('integer') || types.includes('number');
}

function typeResult(
  types: readonly string[],
  format: string | undefined,
  schema: JsonSchema,
  { value, path, isFloat }: Subject,
): SchemaResult {
  const result = new SchemaResult();
  const name = typeName(value, isFloat);
  const wrong = (wanted: string) =>
    result.add({
      kind: 'type',
      name: path,
      value: name,
      message: `${path} in body must be of type ${wanted}: "${name}"`,
    });
  if (value === null) {
    if (types.length > 0 && !schema.nullable) return wrong(types.join(','));
  } else if (!isOfType(types, name, value)) {
    const isText = typeof value === 'string' || Array.isArray(value);
    if (!isText && format !== undefined) {
      const own = name === 'integer' ? 'int64' : name === 'number' ? 'float64' : '';
      if (own === format) return types.length > 0 ? wrong(types.join(',')) : result;
      return result.add({
        kind: 'type',
        name: path,
        value: own,
        message: `${path} in body must be of type ${format}: "${own}"`,
      });
    }
    if (!(isText && format !== undefined && !isNumeric(types))) return wrong(types.join(','));
  }
  result.matches++;
  return result;
}

/** Of floats those are integers that upstream cannot tell from one. */
function isOfType(types: readonly string[], name: string, value: unknown): boolean {
  if (types.includes(name) || (name === 'integer' && types.includes('number'))) return true;
  return name === 'number' && types.includes('integer') && isNearlyWhole(Number(value));
}

/** JSON's types, whole numbers apart. */
function typeName(value: unknown, isFloat = false): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isNumber(value)) return isInt64(value) && !isFloat ? 'integer' : 'number';
  return typeof value;
}

function formatResult(format: string, value: string, path: string): SchemaResult {
  const result = new SchemaResult();
  if (hasFormat(value, format)) return result;
  const message = `${path} in body must be of type ${format}: ${JSON.stringify(value)}`;
  return result.add({ kind: 'type', name: path, value, message });
}

function enumResult(schema: JsonSchema, { value, path, isFloat }: Subject): SchemaResult {
  const result = new SchemaResult();
  const allowed = schema.enum ?? [];
  if (allowed.length === 0 || allowed.some((each) => each !== null && isOneOf(each, value))) return result;
  const message = `${path} in body should be one of [${allowed.join(' ')}]`;
  return result.add({ kind: 'enum', name: path, value: isFloat ? floatText(value) : value, message, allowed });
}

/** Upstream converts a float to the type of an integer that is allowed, which cuts it off (kube-openapi validate.Enum). */
function isOneOf(allowed: unknown, value: unknown): boolean {
  if (typeof value === 'number' && !Number.isInteger(value) && Number.isInteger(allowed))
    return Math.trunc(value) === allowed;
  return jsonEqual(allowed, value);
}

function sizeResult({ minProperties, maxProperties }: JsonSchema, size: number, path: string): SchemaResult {
  const result = new SchemaResult();
  if (minProperties !== undefined && size < minProperties)
    result.add(failure(path, size, `should have at least ${minProperties} properties`));
  if (maxProperties !== undefined && size > maxProperties) {
    const message = `${path} in body should have at most ${maxProperties} properties`;
    result.add({ kind: 'tooMany', name: path, value: size, message, limit: maxProperties });
  }
  return result;
}

function runeCount(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++, count++) if ((text.codePointAt(i) as number) > 0xffff) i++;
  return count;
}

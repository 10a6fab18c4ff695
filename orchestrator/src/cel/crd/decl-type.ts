import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
} from '../../api-server/custom-resources/schema/json-schema.ts';
import type { Range } from '../estimate/cost-range.ts';
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  objectType,
  stringType,
  timestampType,
} from '../language/cel-type.ts';
import type { ObjectDeclaration } from '../language/type-provider.ts';
import { escapeName } from './escape-name.ts';

/** A schema as expressions see it: its type, and how much of it can be in one request. */
export interface DeclType {
  readonly type: CelType;
  readonly fields?: ReadonlyMap<string, DeclType>;
  readonly key?: DeclType;
  readonly element?: DeclType;
  readonly maxElements: number;
  /** Bytes that the least of such values takes as JSON. */
  readonly minSize: number;
}

/** What a request can be long (celconfig.MaxRequestSizeBytes). */
const maxRequestBytes = 3 * 1024 * 1024;
const longestString = maxRequestBytes - 2;

/**
 * The type of a schema; undefined where it is nothing expressions see: data without a schema. Objects are named for where
 * they stand (cel/common/schemas.go).
 */
export function declTypeOf(schema: JsonSchema, isRoot: boolean, name = 'selfType'): DeclType | undefined {
  if (schema['x-kubernetes-int-or-string']) return intOrString(schema);
  const whole = isRoot ? withObjectMeta(schema) : schema;
  switch (whole.type) {
    case 'array':
      return listType(whole, name);
    case 'object':
      return additionalOf(whole) ? mapType(whole, name) : structType(whole, name);
    case 'string':
      return textType(whole);
    case 'boolean':
      return { type: boolType, maxElements: 0, minSize: 4 };
    case 'number':
      return { type: doubleType, maxElements: 0, minSize: 1 };
    case 'integer':
      return { type: intType, maxElements: 0, minSize: 1 };
    default:
      return undefined;
  }
}

function intOrString({ maxLength }: JsonSchema): DeclType {
  return {
    type: dynType,
    minSize: 1,
    maxElements: maxLength === undefined ? longestString : Math.max(0, Number(maxLength)) * 4,
  };
}

function listType(schema: JsonSchema, name: string): DeclType | undefined {
  const items = itemsOf(schema);
  const element = items && declTypeOf(items, isEmbedded(items), `${name}.@idx`);
  if (!element) return undefined;
  const most = Number(schema.maxItems ?? Math.floor((maxRequestBytes - 2) / (element.minSize + 1)));
  return { type: listOf(element.type), element, maxElements: Math.max(0, most), minSize: 2 };
}

function mapType(schema: JsonSchema, name: string): DeclType | undefined {
  const values = additionalOf(schema) as JsonSchema;
  const element = declTypeOf(values, isEmbedded(values), `${name}.@elem`);
  if (!element) return undefined;
  const most = Number(schema.maxProperties ?? Math.floor((maxRequestBytes - 2) / (element.minSize + 6)));
  const key: DeclType = { type: stringType, maxElements: 0, minSize: 2 };
  return { type: mapOf(stringType, element.type), key, element, maxElements: Math.max(0, most), minSize: 2 };
}

function structType(schema: JsonSchema, name: string): DeclType {
  const fields = new Map<string, DeclType>();
  const required = new Set(schema.required);
  let minSize = 2;
  for (const [property, inner] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(property);
    const field = declTypeOf(inner, isEmbedded(inner), `${name}.${escaped ?? property}`);
    if (!field) continue;
    if (escaped !== undefined) fields.set(escaped, field);
    if (required.has(property) && inner.default === undefined)
      minSize += Buffer.byteLength(property) + field.minSize + 4;
  }
  return { type: objectType(name), fields, maxElements: 0, minSize };
}

const formats: Readonly<Record<string, readonly [type: CelType, max: number, min: number]>> = {
  duration: [durationType, 32, 3],
  date: [timestampType, 12, 12],
  'date-time': [timestampType, 32, 21],
};

function textType({ format = '', maxLength, enum: values = [] }: JsonSchema): DeclType {
  if (format === 'byte')
    return { type: bytesType, minSize: 2, maxElements: Math.max(0, Number(maxLength ?? longestString)) };
  const timed = Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (timed) return { type: timed[0], maxElements: timed[1], minSize: timed[2] };
  if (maxLength !== undefined) return { type: stringType, minSize: 2, maxElements: Math.max(0, Number(maxLength)) * 4 };
  const lengths = values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0));
  return { type: stringType, minSize: 2, maxElements: values.length > 0 ? Math.max(0, ...lengths) : longestString };
}

const text: JsonSchema = { type: 'string' };
const meta: JsonSchema = { type: 'object', properties: { name: text, generateName: text } };

/** A resource's root can always be asked for its kind, apiVersion and name. */
export function withObjectMeta(schema: JsonSchema): JsonSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const { name, generateName } = metadata?.properties ?? {};
  const known =
    [kind, apiVersion, name, generateName].every((each) => each?.type === 'string') && metadata?.type === 'object';
  if (known) return schema;
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata: meta } };
}

/** Every object type within one, for the checker. */
export function objectsOf(type: DeclType): readonly ObjectDeclaration[] {
  const found: ObjectDeclaration[] = [];
  const pending = [type];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { fields, element } = next;
    if (element) pending.push(element);
    if (!fields) continue;
    found.push({ name: next.type.name, field: (name) => fields.get(name)?.type });
    pending.push(...fields.values());
  }
  return found;
}

/** How large what a path leads to can be; paths begin with the name of a variable of that type. */
export function sizesOf(type: DeclType): (path: readonly string[]) => Range | undefined {
  return ([, ...path]) => {
    let at: DeclType | undefined = type;
    for (const step of path) {
      if (step === '@items' || step === '@values') at = at.element;
      else if (step === '@keys') at = at.key;
      else at = at.fields?.get(step);
      if (!at) return undefined;
    }
    return { min: 0n, max: BigInt(at.maxElements) };
  };
}

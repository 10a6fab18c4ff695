import { type FieldSchema, type GroupVersionKind, type ObjectSchema, schemas } from '@berth/kube';
import type { Descriptions } from './descriptions/descriptions.ts';
import type { PublishedFields } from './published-fields.ts';

type Json = Record<string, unknown>;

/** What a field is, and what it has where nothing was said: Go's zero value. */
const scalars: Readonly<Record<string, readonly [shape: Json, zero: unknown]>> = {
  string: [{ type: 'string' }, ''],
  boolean: [{ type: 'boolean' }, false],
  int32: [{ type: 'integer', format: 'int32' }, 0],
  int64: [{ type: 'integer', format: 'int64' }, 0],
  double: [{ type: 'number', format: 'double' }, 0],
  bytes: [{ type: 'string', format: 'byte' }, undefined],
  any: [{}, undefined],
};

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

/** Scalars that upstream's documents refer to by name, and `kubectl explain` calls by it. */
const scalarNames: Readonly<Record<string, string>> = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: `${meta}.Time`,
  microTime: `${meta}.MicroTime`,
};

/** What has no fields to tell: scalars of more than one type, and what is whatever its sender likes. */
const namedAlone: ReadonlyMap<string, Json> = new Map<string, Json>([
  [
    scalarNames['quantity'] as string,
    {
      description: 'A number, maybe with a suffix: m (a thousandth), k, M, G, T, P, E, or Ki, Mi, Gi, Ti, Pi, Ei.',
      oneOf: [{ type: 'string' }, { type: 'number' }],
    },
  ],
  [
    scalarNames['intOrString'] as string,
    {
      description: 'A number or a text, such as the number or the name of a port, or a percentage.',
      format: 'int-or-string',
      oneOf: [{ type: 'integer' }, { type: 'string' }],
    },
  ],
  [`${meta}.Time`, { description: 'A moment, by the second.', type: 'string', format: 'date-time' }],
  [`${meta}.MicroTime`, { description: 'A moment, by the microsecond.', type: 'string', format: 'date-time' }],
  [`${meta}.FieldsV1`, { description: 'Fields, as a tree of their names.', type: 'object' }],
  [`${meta}.Patch`, { description: 'A patch, of the type that is told with it.', type: 'object' }],
  ['io.k8s.apimachinery.pkg.runtime.RawExtension', { description: 'An object of any kind.', type: 'object' }],
  [`${extensions}.JSON`, { description: 'Any value.' }],
  [`${extensions}.JSONSchemaPropsOrArray`, { description: 'A schema, or a list of them.' }],
  [`${extensions}.JSONSchemaPropsOrBool`, { description: 'A schema, or whether anything fits.' }],
  [`${extensions}.JSONSchemaPropsOrStringArray`, { description: 'A schema, or a list of names.' }],
]);

export function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

/** What documents tell of schemas beside their fields' types; loaded with the first document that is asked for. */
export interface SchemaFacts {
  readonly words: Descriptions;
  /** Of fields that every kind has. */
  readonly kindWords: Descriptions[string];
  readonly published: PublishedFields;
}

/** Which of the kinds that a schema stands for are told. */
export type KindFilter = (kinds: readonly GroupVersionKind[]) => readonly GroupVersionKind[];

interface ComponentOptions {
  readonly facts?: SchemaFacts | undefined;
  readonly kinds?: KindFilter;
}

/** The component schemas that `roots` need, all the way down; kinds carry their group, version and kind. */
export function* componentsOf(
  roots: Iterable<string>,
  { facts, kinds = (all) => all }: ComponentOptions = {},
): Generator<readonly [name: string, component: Json]> {
  const made = new Set<string>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (made.has(name)) continue;
    made.add(name);
    const scalar = namedAlone.get(name);
    if (scalar) yield [name, scalar];
    const schema = schemas.find(name);
    if (!schema) continue;
    const short = name.replace(/^io\.k8s\./, '');
    const about = { needs: waiting, words: wordsOf(schema, short, facts), published: facts?.published[short] ?? {} };
    yield [name, component(schema, kinds(schema.kinds ?? []), about)];
  }
}

function wordsOf(schema: ObjectSchema, short: string, facts: SchemaFacts | undefined): Descriptions[string] {
  return { ...(schema.kinds ? facts?.kindWords : {}), ...facts?.words[short] };
}

interface About {
  /** Gets the names of the schemas that this one refers to. */
  readonly needs: string[];
  readonly words: Descriptions[string];
  readonly published: PublishedFields[string];
}

function component(schema: ObjectSchema, kinds: readonly GroupVersionKind[], { needs, words, published }: About): Json {
  const properties: Json = {};
  for (const [name, field] of [...schema.fields].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const own = published[name];
    const told = { ...described(words[name]), ...property(field, defaultOf(schema, name, field)), ...own };
    for (const [member, value] of Object.entries(own ?? {})) if (value === null) delete told[member];
    properties[name] = told;
    addNeeds(told, needs);
  }
  return {
    ...described(words['']),
    type: 'object',
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(schema.required.size > 0 ? { required: [...schema.required] } : {}),
    ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(kinds.length > 0 ? { 'x-kubernetes-group-version-kind': kinds } : {}),
    ...published[''],
  };
}

/** What Go writes where nothing was said: of structs that are part of their parent, and of what it cannot leave out (kube-openapi generators, mustEnforceDefault). */
function defaultOf(schema: ObjectSchema, name: string, field: FieldSchema): unknown {
  if (isPart(field)) return schema.alwaysPresent.includes(name) || schema.required.has(name) ? {} : undefined;
  return schema.required.has(name) && !schema.zeroIsAbsent.has(name) ? scalars[field.type]?.[1] : undefined;
}

function isPart({ type }: FieldSchema): boolean {
  return type === 'struct' || type in scalarNames;
}

function addNeeds(told: Json, needs: string[]): void {
  const { $ref, allOf, items, additionalProperties } = told;
  if (typeof $ref === 'string') needs.push($ref.slice(refOf('').length));
  for (const each of [...((allOf as Json[] | undefined) ?? []), items, additionalProperties])
    if (each) addNeeds(each as Json, needs);
}

function described(description: string | undefined): Json {
  return description === undefined ? {} : { description };
}

function property(field: FieldSchema, zero: unknown): Json {
  const { type, atomic, listType, mapKeys, mergeKey, patchStrategies } = field;
  return {
    ...shape(field),
    ...(zero === undefined ? {} : { default: zero }),
    ...(listType ? { 'x-kubernetes-list-type': listType } : {}),
    ...(type === 'map' && atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(mapKeys ? { 'x-kubernetes-list-map-keys': mapKeys } : {}),
    ...(mergeKey ? { 'x-kubernetes-patch-merge-key': mergeKey } : {}),
    ...(patchStrategies.length > 0 ? { 'x-kubernetes-patch-strategy': patchStrategies.join(',') } : {}),
  };
}

function shape({ type, struct, element }: FieldSchema): Json {
  if (type === 'list') return { type: 'array', items: elementShape(element as FieldSchema) };
  if (type === 'map') return { type: 'object', additionalProperties: elementShape(element as FieldSchema) };
  const name = struct?.name ?? scalarNames[type];
  // In OpenAPI 3.0 nothing may stand beside a reference, and fields have words and defaults.
  return name === undefined ? (scalars[type]?.[0] ?? {}) : { allOf: [{ $ref: refOf(name) }] };
}

function elementShape(field: FieldSchema): Json {
  const name = scalarNames[field.type];
  if (name !== undefined) return { $ref: refOf(name) };
  const zero = field.type === 'struct' ? {} : scalars[field.type]?.[1];
  return { ...shape(field), ...(zero === undefined ? {} : { default: zero }) };
}

import { type FieldSchema, type ObjectSchema, schemas } from '@berth/kube';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { Descriptions } from './descriptions/descriptions.ts';

type Json = Record<string, unknown>;

const scalars: Readonly<Record<string, Json>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
};

const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/** Scalars of more than one type, and what has no fields to tell, which upstream's documents refer to by name, and `kubectl explain` calls by it. */
const scalarNames = { quantity, intOrString } as const;
const namedAlone: ReadonlyMap<string, Json> = new Map<string, Json>([
  [
    quantity,
    {
      description: 'A number, maybe with a suffix: m (a thousandth), k, M, G, T, P, E, or Ki, Mi, Gi, Ti, Pi, Ei.',
      oneOf: [{ type: 'string' }, { type: 'number' }],
    },
  ],
  [
    intOrString,
    {
      description: 'A number or a text, such as the number or the name of a port, or a percentage.',
      format: 'int-or-string',
      oneOf: [{ type: 'integer' }, { type: 'string' }],
    },
  ],
  [
    'io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
    { description: 'A patch, of the type that is told with it.', type: 'object' },
  ],
]);

export function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

/** The component schemas that `roots` need, all the way down; kinds carry their group, version and kind. */
export function* componentsOf(
  roots: Iterable<string>,
  kinds: ReadonlyMap<string, readonly ResourceDefinition[]>,
  descriptions: Descriptions = {},
): Generator<readonly [name: string, component: Json]> {
  const made = new Set<string>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const scalar = namedAlone.get(name);
    const schema = made.has(name) ? undefined : schemas.find(name);
    if (scalar && !made.has(name)) yield [name, scalar];
    made.add(name);
    if (!schema) continue;
    const words = descriptions[name.replace(/^io\.k8s\./, '')] ?? {};
    yield [name, component(schema, kinds.get(name) ?? [], { needs: waiting, words })];
  }
}

interface About {
  /** Gets the names of the schemas that this one refers to. */
  readonly needs: string[];
  readonly words: Descriptions[string];
}

function component(schema: ObjectSchema, kinds: readonly ResourceDefinition[], { needs, words }: About): Json {
  const properties: Json = {};
  for (const [name, field] of [...schema.fields].sort(([a], [b]) => (a < b ? -1 : 1)))
    properties[name] = { ...described(words[name]), ...property(field, needs) };
  const gvks = kinds.map(({ group, version, kind }) => ({ group, version, kind }));
  return {
    ...described(words['']),
    type: 'object',
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(schema.required.size > 0 ? { required: [...schema.required] } : {}),
    ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(gvks.length > 0 ? { 'x-kubernetes-group-version-kind': gvks } : {}),
  };
}

function described(description: string | undefined): Json {
  return description === undefined ? {} : { description };
}

function property(field: FieldSchema, needs: string[]): Json {
  const { type, atomic, listType, mapKeys, mergeKey, patchStrategies } = field;
  return {
    ...shape(field, needs),
    ...(listType ? { 'x-kubernetes-list-type': listType } : {}),
    ...(type === 'map' && atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(mapKeys ? { 'x-kubernetes-list-map-keys': mapKeys } : {}),
    ...(mergeKey ? { 'x-kubernetes-patch-merge-key': mergeKey } : {}),
    ...(patchStrategies.length > 0 ? { 'x-kubernetes-patch-strategy': patchStrategies.join(',') } : {}),
  };
}

function shape({ type, struct, element }: FieldSchema, needs: string[]): Json {
  switch (type) {
    case 'struct':
      return reference((struct as ObjectSchema).name, needs);
    case 'quantity':
    case 'intOrString':
      return reference(scalarNames[type], needs);
    case 'list':
      return { type: 'array', items: shape(element as FieldSchema, needs) };
    case 'map':
      return { type: 'object', additionalProperties: shape(element as FieldSchema, needs) };
    default:
      return scalars[type] as Json;
  }
}

function reference(name: string, needs: string[]): Json {
  needs.push(name);
  return { allOf: [{ $ref: refOf(name) }] };
}

import type { FieldSchema, ObjectSchema } from '../schema.ts';

/**
 * How values of one place are merged and owned: which forms they may have, and each form's rules. The schema of
 * structured-merge-diff; made of built-in schemas by {@link mergeTypeOf}, of a CustomResourceDefinition's by `openApiMergeType`.
 */
export interface MergeType {
  readonly scalar?: 'string' | 'numeric' | 'boolean' | 'untyped';
  readonly list?: MergeList;
  readonly map?: MergeMap;
}

export interface MergeList {
  readonly element: MergeType;
  /** Owned as one value. */
  readonly atomic: boolean;
  /** Fields that tell items apart; none in a list that is not atomic: a set of scalars. */
  readonly keys: readonly string[];
}

export interface MergeMap {
  /** Owned as one value. */
  readonly atomic: boolean;
  /** Named fields: a struct's. */
  readonly fields: ReadonlyMap<string, MergeType>;
  /** What other keys hold; undefined: there may be none. */
  readonly element: MergeType | undefined;
  /** What a key field is where an item leaves it out. */
  readonly defaults?: ReadonlyMap<string, unknown>;
}

const noFields: ReadonlyMap<string, MergeType> = new Map();

/** Anything, owned as one value. */
export const untypedAtomic: MergeType = {
  scalar: 'untyped',
  get list() {
    return { element: untypedAtomic, atomic: true, keys: [] };
  },
  get map() {
    return { atomic: true, fields: noFields, element: untypedAtomic };
  },
};

/** Anything: maps are owned key by key, lists as one value. */
export const deduced: MergeType = {
  scalar: 'untyped',
  list: { element: untypedAtomic, atomic: true, keys: [] },
  get map() {
    return { atomic: false, fields: noFields, element: deduced };
  },
};

const known = new WeakMap<ObjectSchema, MergeType>();

/** The merge type of a built-in definition; made once, field by field as it is asked for. */
export function mergeTypeOf(schema: ObjectSchema): MergeType {
  let type = known.get(schema);
  if (!type) {
    type = { map: new StructMap(schema, schema.atomic) };
    known.set(schema, type);
  }
  return type;
}

/** Definitions refer to each other and to themselves, so that fields are read at first use. */
class StructMap implements MergeMap {
  readonly atomic: boolean;
  readonly element: MergeType | undefined;
  readonly #schema: ObjectSchema;
  #fields: ReadonlyMap<string, MergeType> | undefined;
  #defaults: ReadonlyMap<string, unknown> | undefined;

  constructor(schema: ObjectSchema, atomic: boolean) {
    this.#schema = schema;
    this.atomic = atomic;
    // To OpenAPI what names no fields may have any (kube-openapi schemaconv parseObject).
    this.element = schema.fields.size === 0 ? deduced : undefined;
  }

  get fields(): ReadonlyMap<string, MergeType> {
    this.#fields ??= new Map([...this.#schema.fields].map(([name, field]) => [name, fieldType(field, this.#schema)]));
    return this.#fields;
  }

  get defaults(): ReadonlyMap<string, unknown> {
    this.#defaults ??= keyDefaults(this.#schema);
    return this.#defaults;
  }
}

const scalars = {
  string: 'string',
  bytes: 'string',
  boolean: 'boolean',
  int32: 'numeric',
  int64: 'numeric',
  double: 'numeric',
  time: 'untyped',
  microTime: 'untyped',
  quantity: 'untyped',
} as const;

/** In OpenAPI a choice of two types, which has none of its own. */
const intOrString: MergeType = {
  scalar: 'untyped',
  list: { element: untypedAtomic, atomic: true, keys: [] },
  map: { atomic: false, fields: noFields, element: deduced },
};

function fieldType(field: FieldSchema, owner: ObjectSchema): MergeType {
  switch (field.type) {
    case 'struct':
      return structType(field);
    case 'list':
      return { list: listType(field, owner) };
    case 'map':
      return {
        map: { atomic: field.atomic, fields: noFields, element: fieldType(field.element as FieldSchema, owner) },
      };
    case 'intOrString':
      return intOrString;
    case 'any':
      // JSON inside a CustomResourceDefinition has no type; elsewhere it is a RawExtension.
      return owner.name.includes('.apiextensions.') ? deduced : untypedAtomic;
    default:
      return { scalar: scalars[field.type] };
  }
}

function structType(field: FieldSchema): MergeType {
  const struct = field.struct as ObjectSchema;
  return field.atomic === struct.atomic ? mergeTypeOf(struct) : { map: new StructMap(struct, field.atomic) };
}

/** Lists that name no type go by their patch strategy (kube-openapi schemaconv). */
function listType(field: FieldSchema, owner: ObjectSchema): MergeList {
  const element = fieldType(field.element as FieldSchema, owner);
  const { listType: type, mapKeys = [], patchStrategies, mergeKey } = field;
  if (type !== undefined) return { element, atomic: type === 'atomic', keys: type === 'map' ? mapKeys : [] };
  if (!patchStrategies.includes('merge')) return { element, atomic: true, keys: [] };
  return { element, atomic: false, keys: mergeKey === undefined ? [] : [mergeKey] };
}

/** `+default` of fields that are keys of lists; their other keys are the zero value wherever Go always writes them. */
const declaredDefaults: Readonly<Record<string, readonly [string, unknown]>> = {
  'io.k8s.api.core.v1.ContainerPort': ['protocol', 'TCP'],
  'io.k8s.api.core.v1.ServicePort': ['protocol', 'TCP'],
  'io.k8s.api.core.v1.LocalObjectReference': ['name', ''],
};

const zeroValues: Readonly<Record<string, unknown>> = { string: '', int32: 0, int64: 0, boolean: false };

function keyDefaults(schema: ObjectSchema): ReadonlyMap<string, unknown> {
  const defaults = new Map<string, unknown>();
  for (const name of schema.required) {
    const type = schema.fields.get(name)?.type ?? '';
    if (!schema.zeroIsAbsent.has(name) && type in zeroValues) defaults.set(name, zeroValues[type]);
  }
  const declared = declaredDefaults[schema.name];
  if (declared) defaults.set(...declared);
  return defaults;
}

import { schemaTableJson } from './gen/schema-table.ts';

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'quantity'
  | 'intOrString'
  /** Any JSON value, kept as it is. */
  | 'any';

/** What a field holds, and how patches and server-side apply treat it. */
export interface FieldSchema {
  readonly type: ScalarType | 'struct' | 'list' | 'map';
  /** Of a struct: its definition. */
  readonly struct?: ObjectSchema;
  /** Of a list or map. */
  readonly element?: FieldSchema;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly mapKeys?: readonly string[];
  /** A map or struct that is applied as one value. */
  readonly atomic: boolean;
  readonly patchStrategies: readonly string[];
  readonly mergeKey?: string;
}

/** One definition of the API: a kind, or a struct inside one. */
export interface ObjectSchema {
  /** `io.k8s.api.core.v1.Pod`. */
  readonly name: string;
  /** The name Go gives the struct: `Pod`. */
  readonly goName: string;
  /** The name Go prints for its type: `v1.Pod`. */
  readonly goType: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly required: ReadonlySet<string>;
  readonly atomic: boolean;
  /** Fields Go leaves out when they are empty or zero: their zero value and absence are the same. */
  readonly zeroIsAbsent: ReadonlySet<string>;
  /** Structs that are part of their parent, so that Go always writes them: `resources: {}`. */
  readonly alwaysPresent: readonly string[];
  /** What it is the kind of: one for each group and version that has it. Absent: of none. */
  readonly kinds?: readonly GroupVersionKind[];
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Every definition of Kubernetes' built-in API, read from the generated table as it is asked for. */
export interface Schemas {
  /** By full name, such as `io.k8s.api.core.v1.Pod`; throws for a name that does not exist. */
  get(name: string): ObjectSchema;
  find(name: string): ObjectSchema | undefined;
}

type CompactField =
  | string
  | { t: string; e?: CompactField; l?: string; k?: string[]; a?: 0 | 1; s?: string; m?: string };

interface CompactDefinition {
  readonly f: Readonly<Record<string, CompactField>>;
  readonly r?: readonly string[];
  readonly g?: readonly string[];
  readonly a?: 1;
  readonly z?: readonly string[];
  readonly w?: readonly string[];
  readonly e?: readonly string[];
}

let table: Map<string, CompactDefinition> | undefined;
let kinds: Map<string, string> | undefined;
const inflated = new Map<string, ObjectSchema>();

function readTable(): Map<string, CompactDefinition> {
  table ??= new Map(Object.entries(JSON.parse(schemaTableJson) as Record<string, CompactDefinition>));
  return table;
}

export const schemas: Schemas = {
  get(name) {
    const schema = schemas.find(name);
    if (!schema) throw new Error(`no schema named ${name}`);
    return schema;
  },
  find(name) {
    const known = inflated.get(name);
    if (known) return known;
    const compact = readTable().get(name);
    if (!compact) return undefined;
    const schema = inflate(name, compact);
    inflated.set(name, schema);
    return schema;
  },
};

/** The schema of a kind; undefined where Kubernetes has none built in. */
export function schemaFor(group: string, version: string, kind: string): ObjectSchema | undefined {
  if (!kinds) {
    kinds = new Map();
    for (const [name, { g }] of readTable()) for (const gvk of g ?? []) kinds.set(gvk, name);
  }
  const name = kinds.get(`${group}/${version}/${kind}`);
  return name === undefined ? undefined : schemas.get(name);
}

function inflate(name: string, { f, r, g, a, z, w, e }: CompactDefinition): ObjectSchema {
  const parts = name.split('.');
  const required = new Set(r ?? []);
  const collections = Object.entries(f)
    .filter(([, field]) => typeof field === 'object' && (field.t === 'list' || field.t === 'map'))
    .map(([field]) => field)
    .filter((field) => !required.has(field) && !e?.includes(field));
  let fields: Map<string, FieldSchema> | undefined;
  return {
    name,
    goName: parts.at(-1) as string,
    goType: `${parts.at(-2)}.${parts.at(-1)}`,
    required,
    atomic: a === 1,
    zeroIsAbsent: new Set([...(z ?? []), ...collections]),
    alwaysPresent: w ?? [],
    get kinds() {
      return (g ?? []).map(kindOf);
    },
    // Read at first use: definitions refer to each other, and to themselves.
    get fields() {
      fields ??= new Map(Object.entries(f).map(([field, compact]) => [field, inflateField(compact)]));
      return fields;
    },
  };
}

function kindOf(text: string): GroupVersionKind {
  const [group, version, kind] = text.split('/') as [string, string, string];
  return { group, version, kind };
}

function inflateField(compact: CompactField): FieldSchema {
  const { t, e, l, k, a, s, m } = typeof compact === 'string' ? { t: compact } : compact;
  const struct = t.startsWith('@') ? schemas.get(t.slice(1)) : undefined;
  return {
    type: struct ? 'struct' : (t as FieldSchema['type']),
    ...(struct ? { struct } : {}),
    ...(e === undefined ? {} : { element: inflateField(e) }),
    ...(l === undefined ? {} : { listType: l as 'atomic' | 'set' | 'map' }),
    ...(k === undefined ? {} : { mapKeys: k }),
    atomic: a === undefined ? struct?.atomic === true : a === 1,
    patchStrategies: s === undefined ? [] : s.split(','),
    ...(m === undefined ? {} : { mergeKey: m }),
  };
}

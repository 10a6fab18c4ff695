import { decodeObject, type FieldSchema, isRecord, type LabelSelector, type ObjectSchema, schemas } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { goJson } from '../field.ts';
import { shownSelector } from '../label-selector.ts';
import { toPlainForm } from '../wire-form.ts';

type Json = Readonly<Record<string, unknown>>;

/** A field of autoscaling/v1, where autoscaling/v2 has it, and what is written where it is not set. */
type Field = readonly [name: string, path: string, zero?: string];

type Kind = 'object' | 'pods' | 'resource' | 'containerResource' | 'external';

/** The fields of metrics in annotations, in the order of Go's structs (k8s.io/api autoscaling/v1). */
type Form = Readonly<Record<Kind, readonly Field[]>>;

const metricName: Field = ['metricName', 'metric.name', ''];
const selector: Field = ['selector', 'metric.selector'];
const named: Field = ['name', 'name', ''];
const container: Field = ['container', 'container', ''];
const described: Field = ['target', 'describedObject'];
const targetUtilization: Field = ['targetAverageUtilization', 'target.averageUtilization'];
const targetAverage: Field = ['targetAverageValue', 'target.averageValue'];
const currentUtilization: Field = ['currentAverageUtilization', 'current.averageUtilization'];
const currentAverage: Field = ['currentAverageValue', 'current.averageValue', '0'];

const sources: Form = {
  object: [
    described,
    metricName,
    ['targetValue', 'target.value', '0'],
    selector,
    ['averageValue', 'target.averageValue'],
  ],
  pods: [metricName, ['targetAverageValue', 'target.averageValue', '0'], selector],
  resource: [named, targetUtilization, targetAverage],
  containerResource: [named, targetUtilization, targetAverage, container],
  external: [metricName, ['metricSelector', 'metric.selector'], ['targetValue', 'target.value'], targetAverage],
};

const statuses: Form = {
  object: [
    described,
    metricName,
    ['currentValue', 'current.value', '0'],
    selector,
    ['averageValue', 'current.averageValue'],
  ],
  pods: [metricName, currentAverage, selector],
  resource: [named, currentUtilization, currentAverage],
  containerResource: [named, currentUtilization, currentAverage, container],
  external: [
    metricName,
    ['metricSelector', 'metric.selector'],
    ['currentValue', 'current.value', '0'],
    ['currentAverageValue', 'current.averageValue'],
  ],
};

/** Metrics of autoscaling/v2 as the text of an annotation of autoscaling/v1. */
export function oldMetrics(metrics: readonly object[], form: 'sources' | 'statuses'): string {
  const kinds = Object.entries(form === 'sources' ? sources : statuses);
  return goJson(
    metrics.map((metric) => ({
      type: (metric as Json)['type'] ?? '',
      ...Object.fromEntries(
        kinds.flatMap(([kind, fields]) => {
          const given = (metric as Json)[kind];
          return isRecord(given) ? [[kind, oldFields(given, fields)]] : [];
        }),
      ),
    })),
  );
}

function oldFields(given: Json, fields: readonly Field[]): Json {
  const entries = fields.map(([name, path, zero]) => [name, shown(path, valueAt(given, path)) ?? zero]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function valueAt(given: Json, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), given);
}

function shown(path: string, value: unknown): unknown {
  if (path === 'metric.selector') return shownSelector(value as LabelSelector | undefined);
  if (path !== 'describedObject' || !isRecord(value)) return value ?? undefined;
  const { kind = '', name = '', apiVersion } = value;
  return { kind, name, ...(apiVersion ? { apiVersion } : {}) };
}

/** What metrics an annotation tells. @throws Error – it cannot be read. */
export function newMetrics(text: string, form: 'sources' | 'statuses'): Json[] {
  const kinds = Object.entries(form === 'sources' ? sources : statuses);
  const schema = `io.k8s.api.autoscaling.v2.${form === 'sources' ? 'MetricSpec' : 'MetricStatus'}`;
  return listOf(text).map((item) => {
    const given = folded(item);
    const made: Record<string, unknown> = { type: given.get('type') ?? '' };
    for (const [kind, fields] of kinds) {
      const source = given.get(kind.toLowerCase());
      if (source !== undefined) made[kind] = newFields(folded(source), fields);
    }
    const metric = readAs(schema, made);
    for (const [kind] of kinds)
      if (form === 'sources') setType(kind, metric[kind] as Source | undefined);
      else dropZeros(metric[kind] as Status | undefined);
    return metric;
  });
}

function newFields(given: ReadonlyMap<string, unknown>, fields: readonly Field[]): Json {
  const made: Record<string, unknown> = {};
  for (const [name, path, zero] of fields) {
    const value = given.get(name.toLowerCase()) ?? zero;
    const [first = '', second] = path.split('.');
    if (value === undefined) continue;
    made[first] = second === undefined ? value : { ...(made[first] as Json | undefined), [second]: value };
  }
  return made;
}

interface Source {
  readonly target: { type: string; value?: string; averageValue?: string; averageUtilization?: number };
}

/** The older version tells by what is set what a target is. */
function setType(kind: string, source: Source | undefined): void {
  if (!source) return;
  const { target } = source;
  if (kind === 'object' && target.averageValue !== undefined && target.value === '0') delete target.value;
  const byValue = kind === 'object' ? target.averageValue === undefined : target.value !== undefined;
  target.type = target.averageUtilization !== undefined ? 'Utilization' : byValue ? 'Value' : 'AverageValue';
}

interface Status {
  readonly current: { value?: string; averageValue?: string; averageUtilization?: number };
}

/** The older version always writes one of them, which is not to become another value with every write of it. */
function dropZeros(status: Status | undefined): void {
  if (!status) return;
  const { current } = status;
  if (current.averageValue !== undefined && current.value === '0') delete current.value;
  if (current.averageUtilization !== undefined && current.averageValue === '0') delete current.averageValue;
}

/** The items of a list in JSON; null is an empty one. @throws Error */
export function listOf(text: string): readonly unknown[] {
  const value: unknown = JSON.parse(text) ?? [];
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return value;
}

/** A value as Go's encoding/json reads it into a type: names in whatever case, without what the type does not have. @throws Error */
export function readAs(name: string, value: unknown): Record<string, unknown> {
  const schema = schemas.get(name);
  const { object } = decodeObject(schema, withNames(schema, value ?? {}));
  toPlainForm(object as AnyObject, name);
  return object;
}

function withNames(schema: ObjectSchema, value: unknown): unknown {
  if (!isRecord(value)) return value;
  const names = new Map([...schema.fields.keys()].map((name) => [name.toLowerCase(), name]));
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const name = names.get(key.toLowerCase());
    return name === undefined ? [] : [[name, fieldWithNames(schema.fields.get(name) as FieldSchema, item)]];
  });
  return Object.fromEntries(entries);
}

function fieldWithNames({ type, struct, element }: FieldSchema, value: unknown): unknown {
  if (type === 'struct') return withNames(struct as ObjectSchema, value);
  if (type !== 'list' || !Array.isArray(value)) return value;
  return value.map((item) => fieldWithNames(element as FieldSchema, item));
}

/** By names in lower case; null says nothing. @throws Error – no object. */
function folded(value: unknown): ReadonlyMap<string, unknown> {
  if (value !== null && !isRecord(value)) throw new TypeError('not an object');
  return new Map(
    Object.entries(value ?? {})
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key.toLowerCase(), item]),
  );
}

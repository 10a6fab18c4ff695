import type { RemoteDocument } from './schema-work.ts';

export type Json = Readonly<Record<string, unknown>>;

/** The parts of an OpenAPI v2 document that are merged. */
export interface Swagger extends Json {
  readonly paths: Json;
  readonly definitions: Json;
}

const refPrefix = '#/definitions/';

/** The server's own document with what others serve; what of them cannot be read is left out (kube-openapi aggregator). */
export function mergeSwagger(own: Swagger, remotes: readonly RemoteDocument[]): Swagger {
  const paths: Record<string, unknown> = { ...own.paths };
  const definitions: Record<string, unknown> = { ...own.definitions };
  for (const remote of remotes) {
    const part = partOf(remote);
    if (!part) continue;
    const renamed = newNames(part.definitions, definitions);
    const added = inNames(part, renamed);
    if (!added) continue;
    for (const [path, item] of Object.entries(added.paths)) if (!Object.hasOwn(paths, path)) define(paths, path, item);
    for (const [name, schema] of Object.entries(added.definitions)) define(definitions, name, schema);
  }
  return { ...own, paths, definitions };
}

/** Of a document the paths below its version of a group, and the definitions these need. Undefined: it is none. */
export function partOf({ group, version, bytes }: RemoteDocument): Swagger | undefined {
  try {
    const whole = JSON.parse(Buffer.from(bytes).toString()) as unknown;
    if (!isJson(whole) || !isJson(whole['paths'])) return undefined;
    const prefix = `/apis/${group}/${version}/`;
    const paths = Object.fromEntries(Object.entries(whole['paths']).filter(([path]) => path.startsWith(prefix)));
    const all = isJson(whole['definitions']) ? whole['definitions'] : {};
    return { paths, definitions: neededOf(paths, all) };
  } catch {
    return undefined;
  }
}

function neededOf(paths: Json, all: Json): Json {
  const needed: Record<string, unknown> = {};
  const waiting: unknown[] = [paths];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const name = isJson(value) ? definitionOf(value['$ref']) : undefined;
    if (name !== undefined && Object.hasOwn(all, name) && !Object.hasOwn(needed, name)) {
      define(needed, name, all[name]);
      waiting.push(all[name]);
    }
    waiting.push(...Object.values(value));
  }
  return needed;
}

/** A name that something else has already gets a number: `X_v2`. */
function newNames(definitions: Json, taken: Json): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, schema] of Object.entries(definitions)) {
    let free = name;
    for (let n = 2; Object.hasOwn(taken, free) && !isSame(taken[free], schema); n++) free = `${name}_v${n}`;
    if (free !== name) names.set(name, free);
  }
  return names;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Undefined: it is nested deeper than anyone reads. */
function inNames({ paths, definitions }: Swagger, names: ReadonlyMap<string, string>): Swagger | undefined {
  const entries = Object.entries(definitions).map(([name, schema]) => [names.get(name) ?? name, schema]);
  try {
    const text = JSON.stringify({ paths, definitions: Object.fromEntries(entries) }, (key, value: unknown) => {
      const name = key === '$ref' ? definitionOf(value) : undefined;
      return name === undefined ? value : refPrefix + (names.get(name) ?? name);
    });
    return JSON.parse(text) as Swagger;
  } catch {
    return undefined;
  }
}

function definitionOf(ref: unknown): string | undefined {
  return typeof ref === 'string' && ref.startsWith(refPrefix) ? ref.slice(refPrefix.length) : undefined;
}

/** As a member like any other, whatever it is called. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

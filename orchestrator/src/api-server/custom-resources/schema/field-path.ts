import { additionalOf, type JsonSchema, propertyOf } from './json-schema.ts';

/** A path found in a schema: as errors print it, and what it leads to. */
export interface FieldPath {
  readonly path: string;
  readonly schema: JsonSchema;
}

const token = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/y;

/** Follows `.spec.items['a.b']`; a text says why it leads nowhere (apiextensions cel.ValidFieldPath). */
export function findFieldPath(text: string, root: JsonSchema): FieldPath | string {
  let schema = root;
  let path = '';
  let at = 0;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return `expected [ or . but got: ${text.slice(at)}`;
    at += match[0].length;
    const name = match[1] ?? (match[2] as string).replace(/\\(.)/g, '$1');
    const next = schema.properties ? propertyOf(schema, name) : mapValueOf(schema);
    if (!next) return 'does not refer to a valid field';
    path = schema.properties ? (path === '' ? name : `${path}.${name}`) : `${path}[${name}]`;
    schema = next;
  }
  return { path, schema };
}

/** Of a map's values that are anything nothing more is known. */
function mapValueOf(schema: JsonSchema): JsonSchema | undefined {
  return schema.additionalProperties === undefined ? undefined : (additionalOf(schema) ?? {});
}

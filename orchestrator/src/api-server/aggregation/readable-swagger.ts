import type { SwaggerDocument, SwaggerOperation, SwaggerSchema } from '../discovery/swagger-document.ts';
import { isJson, type Json, type Swagger } from './merge-swagger.ts';

/** Deeper schemas say nothing more to anyone. */
const deepest = 64;

/** What the protobuf form has room for, whatever else a document says. */
export function readableDocument({ info, paths, definitions }: Swagger): SwaggerDocument {
  const { title, version } = isJson(info) ? info : {};
  return {
    swagger: '2.0',
    info: { title: textOf(title) ?? '', version: textOf(version) ?? '' },
    paths: Object.fromEntries(
      Object.entries(paths).flatMap(([path, item]) =>
        isJson(item) && isJson(item['patch']) ? [[path, { patch: operationOf(item['patch']) }]] : [],
      ),
    ),
    definitions: mapped(definitions, 0),
  };
}

function operationOf(operation: Json): SwaggerOperation {
  const parameters = Array.isArray(operation['parameters']) ? (operation['parameters'] as unknown[]) : [];
  const query = parameters.flatMap((each) => {
    const name = isJson(each) && each['in'] === 'query' ? textOf(each['name']) : undefined;
    return name === undefined ? [] : [{ name, in: 'query', type: 'string' } as const];
  });
  return { parameters: query, responses: {}, ...extensionsOf(operation) };
}

function schemaOf(value: Json, depth: number): SwaggerSchema {
  const { required, properties, additionalProperties, items } = value;
  const texts = Object.entries({
    $ref: textOf(value['$ref']),
    description: textOf(value['description']),
    type: textOf(value['type']),
    format: textOf(value['format']),
  }).filter(([, text]) => text !== undefined);
  if (depth >= deepest) return Object.fromEntries(texts);
  return {
    ...Object.fromEntries(texts),
    ...(Array.isArray(value['enum']) ? { enum: value['enum'] } : {}),
    ...(Array.isArray(required) ? { required: required.filter((name) => typeof name === 'string') } : {}),
    ...(isJson(properties) ? { properties: mapped(properties, depth + 1) } : {}),
    ...(isJson(additionalProperties) ? { additionalProperties: schemaOf(additionalProperties, depth + 1) } : {}),
    ...(isJson(items) ? { items: schemaOf(items, depth + 1) } : {}),
    ...extensionsOf(value),
  };
}

function mapped(schemas: Json, depth: number): Record<string, SwaggerSchema> {
  return Object.fromEntries(
    Object.entries(schemas).flatMap(([name, each]) => (isJson(each) ? [[name, schemaOf(each, depth)]] : [])),
  );
}

function extensionsOf(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name.startsWith('x-')));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

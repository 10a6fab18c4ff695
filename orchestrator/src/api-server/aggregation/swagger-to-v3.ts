import { isJson, type Json, partOf } from './merge-swagger.ts';
import type { RemoteDocument } from './schema-work.ts';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
/** What a parameter of v2 says of its value itself. */
const ofValue = ['type', 'format', 'items', 'default', 'enum', 'uniqueItems', 'minimum', 'maximum', 'pattern'];

/** The OpenAPI v3 document of a server that has only v2 (kube-openapi openapiconv). @throws Error – it is no document */
export function swaggerToV3(remote: RemoteDocument): Json {
  const part = partOf(remote);
  if (!part) throw new Error('it is no OpenAPI v2 document');
  const paths = Object.fromEntries(
    Object.entries(part.paths).flatMap(([path, item]) => (isJson(item) ? [[path, pathItem(item)]] : [])),
  );
  const info = { title: 'Kubernetes', version: remote.version };
  const document = { openapi: '3.0.0', info, paths, components: { schemas: part.definitions } };
  const text = JSON.stringify(document, (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? value.replace('#/definitions/', '#/components/schemas/') : value,
  );
  return JSON.parse(text) as Json;
}

function pathItem(item: Json): Json {
  const entries = Object.entries(item).map(([name, value]) => {
    if (name === 'parameters') return [name, parametersOf(value)];
    return [name, methods.includes(name) && isJson(value) ? operation(value) : value];
  });
  return Object.fromEntries(entries);
}

function operation({ parameters, consumes, produces, responses, schemes: _, ...rest }: Json): Json {
  const body = listOf(parameters).find((each) => each['in'] === 'body');
  const types = typesOf(consumes);
  return {
    ...rest,
    parameters: parametersOf(parameters),
    ...(body
      ? { requestBody: { content: contentOf(types, body['schema']), required: body['required'] === true } }
      : {}),
    responses: Object.fromEntries(
      Object.entries(isJson(responses) ? responses : {}).flatMap(([code, response]) =>
        isJson(response) ? [[code, responseOf(response, typesOf(produces))]] : [],
      ),
    ),
  };
}

function parametersOf(parameters: unknown): Json[] {
  return listOf(parameters)
    .filter((each) => each['in'] !== 'body')
    .map((each) => {
      if (each['$ref'] !== undefined) return each;
      const entries = Object.entries(each);
      const schema = Object.fromEntries(entries.filter(([name]) => ofValue.includes(name)));
      return { ...Object.fromEntries(entries.filter(([name]) => !ofValue.includes(name))), schema };
    });
}

function responseOf({ schema, ...rest }: Json, types: readonly string[]): Json {
  return schema === undefined ? rest : { ...rest, content: contentOf(types, schema) };
}

function contentOf(types: readonly string[], schema: unknown): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function typesOf(types: unknown): string[] {
  const known = Array.isArray(types) ? types.filter((type) => typeof type === 'string') : [];
  return known.length > 0 ? known : ['*/*'];
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

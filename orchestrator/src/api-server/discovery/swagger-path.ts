import { schemaFormOf } from '../representation/negotiate.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer } from '../server-request.ts';
import { encodeDefinitions, encodeSwaggerHead } from './encode-swagger.ts';
import { madeDocument, membersOf } from './made-document.ts';
import type { SchemaFacts } from './openapi-schema.ts';
import { swaggerDefinitions, swaggerHead } from './swagger-document.ts';

/** What old kubectl asks for; newer ones read `/openapi/v3`. */
const protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** `/openapi/v2`, as protobuf for those who accept it, else as JSON; made when first asked for. */
export function swaggerPath(registry: ResourceRegistry): PathHandler {
  const made = new Map<string, Promise<Answer>>();
  let generation = registry.generation;
  return async (_segments, { path, accept }) => {
    if (decodedPath(path) !== '/openapi/v2') return undefined;
    const form = schemaFormOf(accept, 'v2');
    if (form === 'neither')
      return { type: 'document', status: 406, body: new Uint8Array(), headers: { vary: 'Accept' } };
    const type = form === 'protobuf' ? protobuf : 'application/json';
    if (generation !== registry.generation) {
      generation = registry.generation;
      made.clear();
    }
    const known = made.get(type) ?? answerIn(type, registry.definitions);
    made.set(type, known);
    return known;
  };
}

async function answerIn(type: string, definitions: readonly ResourceDefinition[]): Promise<Answer> {
  const { schemaFacts } = await import('./schema-facts.ts');
  const pieces = type === protobuf ? protobufPieces(definitions, schemaFacts) : jsonPieces(definitions, schemaFacts);
  const { body, hash } = await madeDocument(pieces);
  return { type: 'document', status: 200, body, headers: { 'content-type': type, etag: `"${hash}"`, vary: 'Accept' } };
}

function* jsonPieces(definitions: readonly ResourceDefinition[], facts: SchemaFacts): Generator<string> {
  yield `${JSON.stringify(swaggerHead(definitions)).slice(0, -1)},"definitions":{`;
  yield* membersOf(swaggerDefinitions(definitions, facts));
  yield '}}';
}

function* protobufPieces(definitions: readonly ResourceDefinition[], facts: SchemaFacts): Generator<Uint8Array> {
  yield encodeSwaggerHead(swaggerHead(definitions));
  yield* encodeDefinitions(swaggerDefinitions(definitions, facts));
}

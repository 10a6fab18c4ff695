import { schemaFormOf } from '../representation/negotiate.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer } from '../server-request.ts';
import { encodeDefinitions, encodeSwaggerHead } from './encode-swagger.ts';
import { madeDocument, membersOf } from './made-document.ts';
import type { SchemaFacts } from './openapi-schema.ts';
import { swaggerDefinitions, swaggerHead } from './swagger-document.ts';
import { SwaggerOperations } from './swagger-operations.ts';
import { documentInfo } from './version.ts';

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
    const known = made.get(type) ?? answerIn(type, registry);
    made.set(type, known);
    return known;
  };
}

async function answerIn(type: string, registry: ResourceRegistry): Promise<Answer> {
  const { schemaFacts } = await import('./schema-facts.ts');
  const pieces = type === protobuf ? protobufPieces(registry, schemaFacts) : jsonPieces(registry, schemaFacts);
  const { body, hash } = await madeDocument(pieces);
  return { type: 'document', status: 200, body, headers: { 'content-type': type, etag: `"${hash}"`, vary: 'Accept' } };
}

function* jsonPieces(registry: ResourceRegistry, facts: SchemaFacts): Generator<string> {
  const operations = new SwaggerOperations(registry);
  yield `{"swagger":"2.0","info":${JSON.stringify(documentInfo)},"paths":{`;
  yield* membersOf(operations.paths());
  yield '},"definitions":{';
  yield* membersOf(swaggerDefinitions(registry.definitions, facts, operations.needed));
  yield `},"parameters":${JSON.stringify(operations.parameters)},${JSON.stringify(security).slice(1)}`;
}

/** How clients say who they are. */
const security = {
  securityDefinitions: {
    BearerToken: { type: 'apiKey', description: 'A bearer token', name: 'authorization', in: 'header' },
  },
  security: [{ BearerToken: [] }],
} as const;

/** What clients that read this form look for, and no more: they read it anew each time. */
function* protobufPieces({ definitions }: ResourceRegistry, facts: SchemaFacts): Generator<Uint8Array> {
  yield encodeSwaggerHead(swaggerHead(definitions));
  yield* encodeDefinitions(swaggerDefinitions(definitions, facts));
}

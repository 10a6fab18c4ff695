import { createHash } from 'node:crypto';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer } from '../server-request.ts';
import { encodeSwagger } from './encode-swagger.ts';
import { swaggerDocument } from './swagger-document.ts';

/** What old kubectl asks for; newer ones read `/openapi/v3`. */
const protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** `/openapi/v2`, as protobuf for those who accept it, else as JSON; made when first asked for. */
export function swaggerPath(registry: ResourceRegistry): PathHandler {
  const made = new Map<string, Answer>();
  let generation = registry.generation;
  return async (_segments, { path, accept = '' }) => {
    if (decodedPath(path) !== '/openapi/v2') return undefined;
    const type = /com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf/.test(accept) ? protobuf : 'application/json';
    if (generation !== registry.generation) {
      generation = registry.generation;
      made.clear();
    }
    const known = made.get(type);
    if (known) return known;
    const { describedFields } = await import('./descriptions/described-fields.ts');
    const document = swaggerDocument(registry, describedFields);
    const body = type === protobuf ? encodeSwagger(document) : Buffer.from(JSON.stringify(document));
    const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
    const headers = { 'content-type': type, etag, vary: 'Accept' };
    const answer: Answer = { type: 'document', status: 200, body, headers };
    made.set(type, answer);
    return answer;
  };
}

import { createHash } from 'node:crypto';
import { encodeSwagger } from '../discovery/encode-swagger.ts';
import { mergeSwagger } from './merge-swagger.ts';
import { readableDocument } from './readable-swagger.ts';
import { swaggerToV3 } from './swagger-to-v3.ts';

/** An OpenAPI v2 document of another server, as it came, and the version of a group that is believed of it. */
export interface RemoteDocument {
  readonly group: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

export type SchemaWork =
  | {
      readonly type: 'merge';
      /** The server's own document as JSON. */
      readonly own: Uint8Array;
      readonly remotes: readonly RemoteDocument[];
      readonly as: 'json' | 'protobuf';
    }
  | { readonly type: 'convert'; readonly remote: RemoteDocument };

export interface MadeDocument {
  readonly body: Uint8Array;
  /** Of the body, as kube-openapi writes it. */
  readonly hash: string;
}

/** What takes long of others' documents, or goes wrong with them, and so is done by a thread of its own. @throws Error */
export function doSchemaWork(work: SchemaWork): MadeDocument {
  if (work.type === 'convert') return made(json(swaggerToV3(work.remote)));
  const merged = mergeSwagger(JSON.parse(Buffer.from(work.own).toString()), work.remotes);
  return made(work.as === 'json' ? json(merged) : encodeSwagger(readableDocument(merged)));
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function made(bytes: Uint8Array): MadeDocument {
  const body = new Uint8Array(bytes);
  return { body, hash: createHash('sha512').update(body).digest('hex').toUpperCase() };
}

import { runInThread } from '@berth/kit';
import type { MadeDocument, SchemaWork } from './schema-work.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './schema-worker.ts' : './schema-worker.js',
  import.meta.url,
);

/** No document that is meant well takes so long, or so much. */
const mostCpuMs = 20_000;
const mostMegabytes = 512;

/** @throws Error – what others sent cannot be worked on, or takes too long. */
export function inSchemaThread(data: SchemaWork): Promise<MadeDocument> {
  return runInThread(workerFile, { name: 'schemas', data, mostCpuMs, mostMegabytes });
}

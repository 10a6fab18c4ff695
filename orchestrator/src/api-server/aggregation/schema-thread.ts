import { Worker } from 'node:worker_threads';
import type { MadeDocument, SchemaWork } from './schema-work.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './schema-worker.ts' : './schema-worker.js',
  import.meta.url,
);

/** No document that is meant well takes so long, or so much. */
const mostMs = 20_000;
const mostMegabytes = 512;

/** @throws Error – what others sent cannot be worked on, or not in time. */
export function inSchemaThread(work: SchemaWork): Promise<MadeDocument> {
  return new Promise((resolve, reject) => {
    const resourceLimits = { maxOldGenerationSizeMb: mostMegabytes };
    const worker = new Worker(workerFile, { name: 'schemas', workerData: work, resourceLimits });
    const late = AbortSignal.timeout(mostMs);
    const stop = () => {
      void worker.terminate();
      reject(new Error('working on it takes too long'));
    };
    late.addEventListener('abort', stop, { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      late.removeEventListener('abort', stop);
      reject(new Error('the thread ended'));
    });
  });
}

/** Works on the schemas of other servers, away from the thread that serves requests. */
import { parentPort, workerData } from 'node:worker_threads';
import { doSchemaWork, type SchemaWork } from './schema-work.ts';

const made = doSchemaWork(workerData as SchemaWork);
parentPort?.postMessage(made, [made.body.buffer as ArrayBuffer]);

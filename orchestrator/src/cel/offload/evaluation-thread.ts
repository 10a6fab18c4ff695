import { Worker } from 'node:worker_threads';
import type { EvaluationReply, EvaluationTask } from './evaluation-task.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(import.meta.url.endsWith('.ts') ? './cel-worker.ts' : './cel-worker.js', import.meta.url);

/** All budgets together are spent long before; what is left is time that no budget counts. */
const mostMs = 10_000;

/** What may be spent before an evaluation goes on in a thread of its own: some milliseconds of cost units. */
export const patience = 40_000;

let last: Promise<unknown> = Promise.resolve();

/** Does a task in a thread of its own, one after another. @throws Error – it took too long or too much memory. */
export function evaluateAside(task: EvaluationTask): Promise<EvaluationReply> {
  const turn = last.then(() => run(task));
  last = turn.catch(() => undefined);
  return turn;
}

function run(workerData: EvaluationTask): Promise<EvaluationReply> {
  const signal = AbortSignal.timeout(mostMs);
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerFile, { name: 'cel', workerData, resourceLimits: { maxOldGenerationSizeMb: 512 } });
    const stop = () => void worker.terminate();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error('operation cancelled: actual cost limit exceeded'));
    });
  });
}

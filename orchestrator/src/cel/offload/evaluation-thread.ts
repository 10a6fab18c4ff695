import { runInThread, ThreadTooLong } from '@berth/kit';
import type { EvaluationReply, EvaluationTask } from './evaluation-task.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(import.meta.url.endsWith('.ts') ? './cel-worker.ts' : './cel-worker.js', import.meta.url);

/** All budgets together are spent long before; what is left is time that no budget counts. */
const mostCpuMs = 10_000;

/** What may be spent before an evaluation goes on in a thread of its own: some milliseconds of cost units. */
export const patience = 40_000;

let last: Promise<unknown> = Promise.resolve();

/** Does a task in a thread of its own, one after another. @throws Error – it took too long or too much memory. */
export function evaluateAside(task: EvaluationTask): Promise<EvaluationReply> {
  const turn = last.then(() => run(task));
  last = turn.catch(() => undefined);
  return turn;
}

function run(data: EvaluationTask): Promise<EvaluationReply> {
  return runInThread<EvaluationReply>(workerFile, { name: 'cel', data, mostCpuMs, mostMegabytes: 512 }).catch(
    (error) => {
      throw error instanceof ThreadTooLong ? new Error('operation cancelled: actual cost limit exceeded') : error;
    },
  );
}

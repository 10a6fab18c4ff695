/** Evaluates what takes long, away from the thread that serves requests. */
import { parentPort, workerData } from 'node:worker_threads';
import { doTask, type EvaluationTask } from './evaluation-task.ts';

parentPort?.postMessage(doTask(workerData as EvaluationTask));

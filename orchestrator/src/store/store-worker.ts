/** The thread that owns the SQLite file: it answers one request after the other, in their order, but for backups. */
import { parentPort } from 'node:worker_threads';
import { sqliteFailure } from './sqlite-error.ts';
import { SqliteLog } from './sqlite-log.ts';
import type { WorkerAnswers, WorkerReply, WorkerRequest } from './sqlite-protocol.ts';

let log: SqliteLog | undefined;

function opened(): SqliteLog {
  if (!log) throw new Error('the store is not open');
  return log;
}

function answer(
  request: WorkerRequest,
): WorkerAnswers[keyof WorkerAnswers] | Promise<WorkerAnswers[keyof WorkerAnswers]> {
  switch (request.op) {
    case 'open':
      log = SqliteLog.open(request.file);
      return log.state();
    case 'load':
      return opened().load(request.after, request.limit);
    case 'commit':
      opened().commit(request.changes);
      return undefined;
    case 'range':
      return opened().range(request.prefix, request.start, request.revision);
    case 'compact': {
      const reached = opened().compact(request.target, request.limit);
      opened().shrink();
      return reached;
    }
    case 'backup':
      return opened().backup(request.file);
    case 'close':
      log?.close();
      log = undefined;
      return undefined;
  }
}

function send(reply: WorkerReply): void {
  parentPort?.postMessage(reply);
}

parentPort?.on('message', ({ id, request }: { id: number; request: WorkerRequest }) => {
  const failed = (error: unknown) => send({ id, failure: sqliteFailure(error) });
  try {
    const result = answer(request);
    // A backup goes on between the requests that come meanwhile.
    if (result instanceof Promise) result.then((value) => send({ id, result: value }), failed);
    else send({ id, result });
  } catch (error) {
    failed(error);
  }
});

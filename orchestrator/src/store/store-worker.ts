/** The thread that owns the SQLite file: it answers one request after the other, in their order. */
import { parentPort } from 'node:worker_threads';
import { sqliteFailure } from './sqlite-error.ts';
import { SqliteLog } from './sqlite-log.ts';
import type { WorkerAnswers, WorkerReply, WorkerRequest } from './sqlite-protocol.ts';

let log: SqliteLog | undefined;

function opened(): SqliteLog {
  if (!log) throw new Error('the store is not open');
  return log;
}

function answer(request: WorkerRequest): WorkerAnswers[keyof WorkerAnswers] {
  switch (request.op) {
    case 'open':
      log = SqliteLog.open(request.file);
      return log.state();
    case 'load':
      return opened().load(request.after, request.step);
    case 'commit':
      opened().commit(request.rows);
      return undefined;
    case 'range':
      return opened().range(request.keys, request.step);
    case 'count':
      return opened().count(request.keys, request.limit);
    case 'compact': {
      const reached = opened().compact(request.target, request.step);
      opened().shrink();
      return reached;
    }
    case 'shrinkCache':
      opened().shrinkCache();
      return undefined;
    case 'close':
      log?.close();
      log = undefined;
      return undefined;
  }
}

parentPort?.on('message', (request: WorkerRequest) => {
  let reply: WorkerReply;
  try {
    reply = { result: answer(request) };
  } catch (error) {
    reply = { failure: sqliteFailure(error) };
  }
  parentPort?.postMessage(reply);
});

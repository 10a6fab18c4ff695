/** Answers requests that take long, away from the thread that serves all others. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Logger, systemClock, systemRng } from '@berth/kit';
import { clientGone, deadlineExceeded } from '../request-end.ts';
import type { AsideOptions, FromThread, SentRequest, ToThread } from './aside-protocol.ts';
import { AsideServer } from './aside-server.ts';
import { RemoteStore } from './remote-store.ts';

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

function logger(bound: object = {}): Logger {
  const line =
    (level: 'info' | 'warn' | 'error') =>
    (message: string, more: object = {}) => {
      const fields = JSON.stringify({ ...bound, ...more }, (_, value) =>
        value instanceof Error ? value.message : value,
      );
      post({ type: 'log', level, message, fields });
    };
  return {
    debug: () => undefined,
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    with: (more) => logger({ ...bound, ...more }),
  };
}

const store = new RemoteStore(post);
const server = new AsideServer({
  store,
  clock: systemClock,
  rng: systemRng,
  log: logger(),
  options: workerData as AsideOptions,
  called: (call) => post({ type: 'called', call }),
  podSecurity: (event) => post({ type: 'podSecurity', event }),
});
const started = server.start();
const underway = new Map<number, AbortController>();

async function answer(id: number, request: SentRequest): Promise<void> {
  const gone = new AbortController();
  underway.set(id, gone);
  try {
    await started;
    const answer = await server.answer(request, gone.signal);
    if (!('body' in answer)) post({ type: 'answer', id, answer });
    else {
      // A copy to give away: what was written last and what is cached are these very bytes.
      const body = new Uint8Array(answer.body);
      post({ type: 'answer', id, answer: { ...answer, body } }, [body.buffer]);
    }
  } catch (error) {
    post({ type: 'answer', id, answer: { failure: (error as Error).message } });
  } finally {
    underway.delete(id);
  }
}

parentPort?.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'request':
      void answer(message.id, message.request);
      break;
    case 'abort':
      underway.get(message.id)?.abort(message.late ? deadlineExceeded : clientGone);
      break;
    case 'ping':
      post({ type: 'pong' });
      break;
    default:
      store.told(message);
  }
});

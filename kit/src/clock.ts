/** Time as a dependency. Nothing but {@link systemClock} reads the machine's clock or sets its timers. */
export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never go backwards; for measuring. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`, unless the returned handle is disposed first. */
  schedule(ms: number, run: () => void): Disposable;
}

/** Node caps a timer at 2^31-1 ms and fires at once beyond it, so longer waits are clamped. */
const maxTimerMs = 2 ** 31 - 1;

/** There is one for each request: a class costs less than an object with a computed name. */
class SystemTimer implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepBySchedule(systemClock, ms, signal),
  schedule(ms, run) {
    return new SystemTimer(setTimeout(run, Math.min(Math.max(ms, 0), maxTimerMs)));
  },
};

/** `sleep` in terms of `schedule`: what every Clock does. */
export function sleepBySchedule(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = clock.schedule(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A busy server writes the same second many times. */
let lastSecond = { at: Number.NaN, text: '' };

/** RFC 3339 in whole seconds, the form of Kubernetes' `metav1.Time`. */
export function rfc3339(epochMs: number): string {
  const at = Math.floor(epochMs / 1000);
  if (at !== lastSecond.at) {
    // Years that have not four digits have more than they need in JavaScript.
    const text = new Date(at * 1000).toISOString().replace('.000Z', 'Z');
    lastSecond = { at, text: text.replace(/^\+0|(?<=^-)00/, '') };
  }
  return lastSecond.text;
}

/** RFC 3339 with microseconds, the form of Kubernetes' `metav1.MicroTime`. */
export function rfc3339Micro(epochMs: number): string {
  const micros = Math.floor((epochMs * 1000) % 1000);
  return new Date(epochMs).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}

interface Timed {
  readonly startMs: number;
  readonly ms: number;
}

/**
 * Runs each item when all those have ended that had ended before it began when they were recorded: what was one after the
 * other stays so, what was under way at once is again. Results come in the items' order. Stops starting when `signal` aborts.
 */
export async function inRecordedOrder<T extends Timed, R>(
  items: readonly T[],
  run: (item: T) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> {
  const byStart = [...items].sort((a, b) => a.startMs - b.startMs);
  const byEnd = [...items].sort((a, b) => endOf(a) - endOf(b));
  const results = new Map<T, Promise<R>>();
  let ended = 0;
  let before: Promise<unknown> = Promise.resolve();
  for (const item of byStart) {
    const first = ended;
    while (ended < byEnd.length && endOf(byEnd[ended] as T) <= item.startMs) ended++;
    // Each of these began before this item, so it is started already.
    const fresh = byEnd.slice(first, ended).map((one) => results.get(one));
    before = Promise.all([before, ...fresh]);
    await before;
    if (signal.aborted) break;
    results.set(item, run(item));
  }
  return await Promise.all(items.flatMap((item) => results.get(item) ?? []));
}

function endOf({ startMs, ms }: Timed): number {
  // A call that took no time at all still ended after it began.
  return startMs + Math.max(ms, 0.001);
}

/** One call at a key-value store by one client; times from one clock. Unknown: it failed in a way that does not say whether it was done. */
export interface Operation<Input, Output> {
  readonly input: Input;
  readonly output: Output | 'unknown';
  readonly startedAt: number;
  readonly endedAt: number;
}

/** What a store does, one call after the other. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after a call that answers `output`, or undefined where it cannot. An unknown output is one the model may choose. */
  readonly step: (state: State, input: Input, output: Output | 'unknown') => State | undefined;
  readonly key: (state: State) => string;
}

interface Entry<I, O> {
  readonly id: number;
  readonly at: number;
  readonly operation: Operation<I, O>;
  /** The call's entry for its start; the entry of its end has none. */
  end: Entry<I, O> | undefined;
  previous: Entry<I, O> | undefined;
  next: Entry<I, O> | undefined;
}

/**
 * Whether there is an order of all calls, each within its own time, in which the model gives their answers
 * (Wing and Gong's search with Lowe's memory of what was tried, as in porcupine).
 */
export function isLinearizable<S, I, O>(model: Model<S, I, O>, operations: readonly Operation<I, O>[]): boolean {
  const head = entriesOf(operations);
  const done = new Set<number>();
  const tried = new Set<string>();
  const stack: { readonly entry: Entry<I, O>; readonly state: S }[] = [];
  let state = model.initial;
  let entry = head.next;
  // What nobody knows of may never have been done.
  let known = operations.filter(({ output }) => output !== 'unknown').length;
  while (known > 0) {
    if (!entry) return false;
    if (entry.end) {
      const next = model.step(state, entry.operation.input, entry.operation.output);
      if (next !== undefined && isNew(tried, done, entry.id, model.key(next))) {
        stack.push({ entry, state });
        if (entry.operation.output !== 'unknown') known--;
        state = next;
        done.add(entry.id);
        lift(entry);
        entry = head.next;
      } else entry = entry.next;
      continue;
    }
    // A call ends that nothing put before its end: what was chosen last was wrong.
    const last = stack.pop();
    if (!last) return false;
    if (last.entry.operation.output !== 'unknown') known++;
    state = last.state;
    done.delete(last.entry.id);
    unlift(last.entry);
    entry = last.entry.next;
  }
  return true;
}

function isNew(tried: Set<string>, done: Set<number>, id: number, state: string): boolean {
  const key = `${[...done, id].sort((a, b) => a - b).join()}|${state}`;
  if (tried.has(key)) return false;
  tried.add(key);
  return true;
}

function entriesOf<I, O>(operations: readonly Operation<I, O>[]): Entry<I, O> {
  const entries = operations.flatMap((operation, id): Entry<I, O>[] => {
    const none = { end: undefined, previous: undefined, next: undefined };
    // It may be done at any time, also after all others.
    const at = operation.output === 'unknown' ? Number.POSITIVE_INFINITY : operation.endedAt;
    const end: Entry<I, O> = { id, at, operation, ...none };
    return [{ id, at: operation.startedAt, operation, ...none, end }, end];
  });
  entries.sort(
    (a, b) => (a.at === b.at ? 0 : a.at - b.at) || Number(b.end !== undefined) - Number(a.end !== undefined),
  );
  const head = { id: -1, at: 0, end: undefined, previous: undefined, next: undefined } as unknown as Entry<I, O>;
  let last = head;
  for (const entry of entries) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

/** Takes a call's start and end out of the list. */
function lift<I, O>(entry: Entry<I, O>): void {
  for (const one of [entry, entry.end as Entry<I, O>]) {
    if (one.previous) one.previous.next = one.next;
    if (one.next) one.next.previous = one.previous;
  }
}

/** Puts them back where they were, in reverse. */
function unlift<I, O>(entry: Entry<I, O>): void {
  for (const one of [entry.end as Entry<I, O>, entry]) {
    if (one.previous) one.previous.next = one;
    if (one.next) one.next.previous = one;
  }
}

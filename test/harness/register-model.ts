import type { Model, Operation } from './linearizability.ts';

/** A call at one key of a store. */
export type RegisterInput =
  | { readonly op: 'read' }
  /** Done if the key is at `expected` (0: not there). No value: it is deleted. */
  | { readonly op: 'write'; readonly expected: number; readonly value: string | undefined };

/** A key as it was seen: not there, or a value at a revision. */
export type Seen = { readonly value: string; readonly revision: number } | undefined;

export type RegisterOutput =
  | { readonly op: 'read'; readonly seen: Seen }
  | { readonly op: 'write'; readonly ok: true; readonly revision: number }
  | { readonly op: 'write'; readonly ok: false; readonly seen: Seen };

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** The revision is not known of what an unknown write wrote, until it is seen. */
interface State {
  readonly value: string | undefined;
  readonly revision: number | 'any';
  /** Revisions only grow, also over deletions. */
  readonly least: number;
}

/** One key: a register with compare-and-set whose every write has a revision of its own, greater than all before. */
export const registerModel: Model<State, RegisterInput, RegisterOutput> = {
  initial: { value: undefined, revision: 0, least: 0 },
  key: ({ value, revision, least }) => `${value}@${revision}>${least}`,
  step(state, input, output) {
    if (input.op === 'read') {
      if (output === 'unknown') return state;
      return output.op === 'read' ? look(state, output.seen) : undefined;
    }
    if (output === 'unknown') return expects(state, input.expected) ? wrote(state, input.value, undefined) : undefined;
    if (output.op !== 'write') return undefined;
    if (output.ok) return expects(state, input.expected) ? wrote(state, input.value, output.revision) : undefined;
    const seen = look(state, output.seen);
    return seen && (output.seen?.revision ?? 0) !== input.expected ? seen : undefined;
  },
};

/** Looking makes known what revision an unknown write got. */
function look(state: State, seen: Seen): State | undefined {
  if (seen === undefined) return state.value === undefined ? state : undefined;
  if (state.value !== seen.value) return undefined;
  if (state.revision === seen.revision) return state;
  if (state.revision !== 'any' || seen.revision <= state.least) return undefined;
  return { value: seen.value, revision: seen.revision, least: seen.revision };
}

function expects(state: State, expected: number): boolean {
  if (state.value === undefined) return expected === 0;
  return state.revision === expected || (state.revision === 'any' && expected > state.least);
}

function wrote(state: State, value: string | undefined, revision: number | undefined): State | undefined {
  if (value === undefined && state.value === undefined) return undefined;
  if (revision !== undefined && revision <= state.least) return undefined;
  const least = revision ?? state.least;
  return { value, revision: value === undefined ? 0 : (revision ?? 'any'), least };
}

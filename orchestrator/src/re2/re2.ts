import { holds, outside } from './assertion.ts';
import { type Assertion, type Node, parseRe2 } from './parse-re2.ts';
import { checkSize, compileProgram, type Instruction } from './program.ts';
import { Re2LimitError } from './re2-error.ts';

/** States are kept by the characters they were left by; beyond this many they are begun anew. */
const maxStates = 500;
/** Steps that had to be worked out in one check: some 10 ms. What is known already costs nothing of it. */
const maxSteps = 1_000_000;

interface State {
  /** The instructions that wait for the next character or for the end. */
  readonly waiting: readonly number[];
  readonly matched: boolean;
  readonly ascii: (State | undefined)[];
}

/** What is around a place in the text. */
interface Place {
  readonly before: number;
  readonly after: number;
}

/** Some character; what looks at it is not asked. */
const unknown = 0;

/**
 * A regular expression in RE2's syntax and meaning (what Go's regexp has): whether it matches anywhere in a text, in time
 * that grows with the text and never with its ways to match.
 */
export class Re2 {
  /** Until it is first matched: a definition may have a thousand patterns, of a thousand steps each. */
  #node: Node | undefined;
  #program: readonly Instruction[] = [];
  /** Looks at what is around: such places cannot be told by the characters before alone. */
  #looksAround = false;
  #seen = new Uint32Array();
  #round = 0;
  #states = new Map<string, State>();
  #steps = 0;

  /** @throws Re2SyntaxError – in Go's words. */
  constructor(pattern: string) {
    this.#node = parseRe2(pattern);
    checkSize(this.#node, pattern);
  }

  /** @throws Re2LimitError – more work than one check may be. */
  test(text: string): boolean {
    if (this.#node) this.#compile(this.#node);
    this.#steps = 0;
    let state: State | undefined;
    let before = outside;
    for (let at = 0; at <= text.length; ) {
      const after = at < text.length ? (text.codePointAt(at) as number) : outside;
      if (!state || this.#looksAround) {
        state = this.#enter(state, { before, after });
        if (state.matched) return true;
      }
      if (after === outside) return this.#atEnd(state, { before, after });
      state = this.#step(state, after);
      if (state.matched && !this.#looksAround) return true;
      before = after;
      at += after > 0xffff ? 2 : 1;
    }
    return false;
  }

  #compile(node: Node): void {
    this.#node = undefined;
    this.#program = compileProgram(node);
    this.#looksAround = this.#program.some((step) => step.op === 'assert' && !ends.has(step.assertion));
    this.#seen = new Uint32Array(this.#program.length);
  }

  /** The state at a place: what waited there, let through what holds there, and the beginning of another try. */
  #enter(state: State | undefined, place: Place): State {
    return this.#closure(state ? [0, ...state.waiting] : [0], place);
  }

  #step(state: State, code: number): State {
    if (this.#looksAround) return { waiting: this.#advance(state, code), matched: false, ascii: [] };
    const known = code < 128 ? state.ascii[code] : undefined;
    if (known) return known;
    const next = this.#closure([0, ...this.#advance(state, code)], { before: code, after: unknown });
    if (code < 128) state.ascii[code] = next;
    return next;
  }

  #advance({ waiting }: State, code: number): number[] {
    this.#count(waiting.length);
    const next: number[] = [];
    for (const index of waiting) {
      const step = this.#program[index] as Instruction;
      if (step.op === 'set' && step.set.has(code)) next.push(step.next);
    }
    return next;
  }

  #atEnd(state: State, place: Place): boolean {
    return this.#closure(state.waiting, place).matched;
  }

  /** Follows what takes no character. Ends of the text wait until it is there. */
  #closure(from: readonly number[], place: Place): State {
    this.#round++;
    const waiting: number[] = [];
    const stack = [...from];
    let matched = false;
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (this.#seen[index] === this.#round) continue;
      this.#seen[index] = this.#round;
      this.#count(1);
      const step = this.#program[index] as Instruction;
      if (step.op === 'match') matched = true;
      else if (step.op === 'set') waiting.push(index);
      else if (step.op === 'split') stack.push(...step.targets);
      else if (holds(step.assertion, place.before, place.after)) stack.push(step.next);
      else if (step.assertion === 'textEnd') waiting.push(index);
    }
    return this.#shared(
      waiting.sort((a, b) => a - b),
      matched,
    );
  }

  #shared(waiting: readonly number[], matched: boolean): State {
    if (this.#looksAround) return { waiting, matched, ascii: [] };
    const key = `${matched}${waiting.join()}`;
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= maxStates) this.#states = new Map();
    const state: State = { waiting, matched, ascii: [] };
    this.#states.set(key, state);
    return state;
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw new Re2LimitError('the regular expression takes too long on this text');
  }
}

const ends: ReadonlySet<Assertion> = new Set(['textStart', 'textEnd'] as const);

import { holds, outside } from './assertion.ts';
import { parseRe2 } from './parse-re2.ts';
import { checkSize, compileProgram, type Instruction } from './program.ts';
import { Re2LimitError } from './re2-error.ts';

/** Steps of one search: some 20 ms. */
const maxSteps = 2_000_000;

interface Thread {
  readonly index: number;
  readonly start: number;
}

/**
 * Where a regular expression matches: the leftmost place, and of the ways to match there the one that is preferred,
 * as Go's regexp has it. All ways are followed at once, so the time grows with text and pattern alone.
 */
export class FindingRe2 {
  readonly #program: readonly Instruction[];
  readonly #seen: Uint32Array;
  #round = 0;
  #steps = 0;

  /** @throws Re2SyntaxError – in Go's words. */
  constructor(pattern: string) {
    const node = parseRe2(pattern);
    checkSize(node, pattern);
    this.#program = compileProgram(node);
    this.#seen = new Uint32Array(this.#program.length);
  }

  /** The first match; undefined where there is none. @throws Re2LimitError */
  find(text: string): string | undefined {
    this.#steps = 0;
    const found = this.#search(text, 0);
    return found && text.slice(found[0], found[1]);
  }

  /** Matches one after the other, at most `limit`; an empty one right after another does not count. @throws Re2LimitError */
  findAll(text: string, limit: number): string[] {
    this.#steps = 0;
    const matches: string[] = [];
    let last = -1;
    for (let from = 0; from <= text.length && matches.length < limit; ) {
      const found = this.#search(text, from);
      if (!found) break;
      const [start, end] = found;
      if (end > start || start !== last) matches.push(text.slice(start, end));
      last = end;
      from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
    }
    return matches;
  }

  #search(text: string, from: number): readonly [number, number] | undefined {
    let threads: Thread[] = [];
    let best: readonly [number, number] | undefined;
    for (let at = from; ; ) {
      const after = at < text.length ? (text.codePointAt(at) as number) : outside;
      const before = at === 0 ? outside : codeBefore(text, at);
      const here: Thread[] = [];
      this.#round++;
      for (const thread of threads) this.#follow(here, thread, { before, after });
      // A later start is worth nothing once something matched.
      if (!best) this.#follow(here, { index: 0, start: at }, { before, after });
      const next: Thread[] = [];
      for (const { index, start } of here) {
        const step = this.#program[index] as Instruction;
        if (step.op === 'match') {
          best = [start, at];
          break;
        }
        if (step.op === 'set' && after !== outside && step.set.has(after)) next.push({ index: step.next, start });
      }
      threads = next;
      if (after === outside || (threads.length === 0 && best)) return best;
      at += after > 0xffff ? 2 : 1;
    }
  }

  /** What takes no character is followed, in order of preference. */
  #follow(into: Thread[], { index, start }: Thread, place: { readonly before: number; readonly after: number }): void {
    const stack = [index];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (this.#seen[next] === this.#round) continue;
      this.#seen[next] = this.#round;
      if (++this.#steps > maxSteps) throw new Re2LimitError('the regular expression takes too long on this text');
      const step = this.#program[next] as Instruction;
      if (step.op === 'split') for (let i = step.targets.length - 1; i >= 0; i--) stack.push(step.targets[i] as number);
      else if (step.op !== 'assert') into.push({ index: next, start });
      else if (holds(step.assertion, place.before, place.after)) stack.push(step.next);
    }
  }
}

function codeBefore(text: string, at: number): number {
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xdc00 && unit <= 0xdfff && at > 1 ? (text.codePointAt(at - 2) as number) : unit;
}

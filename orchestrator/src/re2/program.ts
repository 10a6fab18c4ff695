import type { CharSet } from './char-set.ts';
import type { Assertion, Node } from './parse-re2.ts';
import { Re2SyntaxError } from './re2-error.ts';

export type Instruction =
  | { readonly op: 'set'; readonly set: CharSet; next: number }
  | { readonly op: 'assert'; readonly assertion: Assertion; next: number }
  | { readonly op: 'split'; readonly targets: number[] }
  | { readonly op: 'match' };

/** More than any pattern people write; each costs memory for as long as the schema is in use. */
const maxInstructions = 50_000;

/** A pattern as a list of steps; 0 is the first. @throws Re2SyntaxError – it is too large. */
export function compileProgram(node: Node, pattern: string): readonly Instruction[] {
  const builder = new Builder(pattern);
  builder.emit(node);
  builder.program.push({ op: 'match' });
  return builder.program;
}

/** Each piece begins where the last ended and goes on to what comes after it. */
class Builder {
  readonly program: Instruction[] = [];
  readonly #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  emit(node: Node): void {
    if (this.program.length > maxInstructions) throw new Re2SyntaxError('expression too large', this.#pattern);
    const here = this.program.length;
    switch (node.type) {
      case 'empty':
        return;
      case 'set':
        this.program.push({ op: 'set', set: node.set, next: here + 1 });
        return;
      case 'assert':
        this.program.push({ op: 'assert', assertion: node.assertion, next: here + 1 });
        return;
      case 'concat':
        for (const item of node.items) this.emit(item);
        return;
      case 'alternate':
        this.#alternate(node.items);
        return;
      case 'repeat':
        this.#repeat(node.item, node.min, node.max);
    }
  }

  #alternate(items: readonly Node[]): void {
    const targets: number[] = [];
    this.program.push({ op: 'split', targets });
    const ends: { targets: number[] }[] = [];
    for (const item of items) {
      targets.push(this.program.length);
      this.emit(item);
      const end = { op: 'split' as const, targets: [] as number[] };
      this.program.push(end);
      ends.push(end);
    }
    for (const end of ends) end.targets.push(this.program.length);
  }

  #repeat(item: Node, min: number, max: number): void {
    for (let i = 0; i < min; i++) this.emit(item);
    if (max < 0) {
      const loop = this.program.length;
      const targets = [loop + 1];
      this.program.push({ op: 'split', targets });
      this.emit(item);
      this.program.push({ op: 'split', targets: [loop] });
      targets.push(this.program.length);
      return;
    }
    const skips: number[][] = [];
    for (let i = min; i < max; i++) {
      const targets = [this.program.length + 1];
      skips.push(targets);
      this.program.push({ op: 'split', targets });
      this.emit(item);
    }
    for (const targets of skips) targets.push(this.program.length);
  }
}

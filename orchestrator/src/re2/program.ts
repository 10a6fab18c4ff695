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

/** @throws Re2SyntaxError – its program would be too large. */
export function checkSize(node: Node, pattern: string): void {
  if (sizeOf(node) > maxInstructions) throw new Re2SyntaxError('expression too large', pattern);
}

/** How many steps a program would have, without the last. */
export function sizeOf(node: Node): number {
  switch (node.type) {
    case 'empty':
      return 0;
    case 'concat':
      return node.items.reduce((sum, item) => sum + sizeOf(item), 0);
    case 'alternate':
      return node.items.reduce((sum, item) => sum + sizeOf(item) + 1, 1);
    case 'repeat': {
      const { item, min, max } = node;
      const size = sizeOf(item);
      return min * size + (max < 0 ? size + 2 : (max - min) * (size + 1));
    }
    default:
      return 1;
  }
}

/** A pattern as a list of steps; 0 is the first. */
export function compileProgram(node: Node): readonly Instruction[] {
  const builder = new Builder();
  builder.emit(node);
  builder.program.push({ op: 'match' });
  return builder.program;
}

/** Each piece begins where the last ended and goes on to what comes after it. */
class Builder {
  readonly program: Instruction[] = [];

  emit(node: Node): void {
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

import type { Difference } from './compare.ts';

export interface Case {
  readonly way: string;
  readonly kind: string;
  readonly request: string;
}

interface Class {
  readonly what: Difference['what'];
  readonly signature: string;
  readonly kinds: Set<string>;
  readonly cases: (Case & Difference)[];
}

const whats = ['code', 'words', 'details', 'fields', 'warnings'] as const;

/** Counts answers, and sorts what differs into classes. */
export class Report {
  readonly #ways = new Map<string, Record<string, number>>();
  readonly #classes = new Map<string, Class>();
  differences = 0;

  add(one: Case, difference: Difference | undefined): void {
    const counts = this.#ways.get(one.way) ?? {};
    this.#ways.set(one.way, counts);
    for (const name of ['requests', difference?.what ?? 'equal']) counts[name] = (counts[name] ?? 0) + 1;
    if (!difference) return;
    this.differences++;
    const { what, signature } = difference;
    const known = this.#classes.get(`${what} ${signature}`) ?? { what, signature, kinds: new Set(), cases: [] };
    this.#classes.set(`${what} ${signature}`, known);
    known.kinds.add(one.kind);
    known.cases.push({ ...one, ...difference });
  }

  /** The largest classes first, with so many examples of each. */
  print(write: (text: string) => void, examples: number): void {
    const names = ['requests', 'equal', ...whats];
    write(`${''.padEnd(19)}${names.map((name) => name.padStart(9)).join('')}\n`);
    for (const [way, counts] of this.#ways)
      write(`${way.padEnd(19)}${names.map((name) => String(counts[name] ?? 0).padStart(9)).join('')}\n`);
    const classes = [...this.#classes.values()].toSorted((a, b) => b.cases.length - a.cases.length);
    for (const { what, signature, kinds, cases } of classes) {
      write(`\n${cases.length} × ${what}: ${signature}\n  in ${[...kinds].slice(0, 12).join(', ')}\n`);
      for (const { way, request, theirs, ours } of cases.slice(0, examples))
        write(`  ${way}: ${request}\n    theirs: ${theirs}\n    ours:   ${ours}\n`);
    }
  }
}

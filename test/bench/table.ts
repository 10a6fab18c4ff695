import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

interface Row {
  readonly what: string;
  readonly target: string;
  readonly reference: string;
  readonly measured: string;
}

/** Figures of one run: told as they come on stderr, printed whole on stdout. */
export class Table {
  readonly #reference: string;
  readonly #rows: Row[] = [];
  readonly #loadBefore = loadavg()[0] as number;

  /** `reference` names whose figures stand beside ours. */
  constructor(reference: string) {
    this.#reference = reference;
  }

  record(what: string, target: string, reference: string, measured: string): void {
    this.#rows.push({ what, target, reference, measured });
    process.stderr.write(`${what}: ${measured}\n`);
  }

  print(): void {
    const model = /model name\s+: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown CPU';
    const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
    const machine = `${cpus().length} × ${model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${kernel}, Node ${process.version}`;
    process.stdout.write(`\n${machine}, load before ${this.#loadBefore.toFixed(1)}\n\n`);
    process.stdout.write(`| what | target | ${this.#reference} | Berth |\n| --- | --- | --- | --- |\n`);
    for (const { what, target, reference, measured } of this.#rows)
      process.stdout.write(`| ${what} | ${target} | ${reference} | ${measured} |\n`);
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Median with the least and the most, in milliseconds. */
export function ms(values: readonly number[]): string {
  const middle = median(values);
  return `${middle.toFixed(middle < 100 ? 1 : 0)} ms (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`;
}

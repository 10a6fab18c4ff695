import { goFloat } from '@berth/kube';

type Values = readonly string[];
/** Values of the labels, the number, and when it was read where it was not just now. */
export type Sample = readonly [labels: Values, value: number, atMs?: number];

interface Family {
  readonly name: string;
  readonly type: string;
  readonly labelNames: Values;
  lines(): Promise<readonly string[]> | readonly string[];
}

/** Where upstream names none (Prometheus' DefBuckets). */
export const defaultBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Each `factor` times the one before, multiplied as Prometheus' client does (ExponentialBuckets). */
export function exponentialBounds(first: number, factor: number, count: number): readonly number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push((bounds.at(-1) as number) * factor);
  return bounds;
}

/** One series of a histogram. */
export class Histogram {
  readonly bounds: readonly number[];
  /** How many there were up to each bound, and beyond the one before: most requests are in the first, and touch no other. */
  readonly buckets: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.buckets = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count++;
    this.sum += value;
    for (let i = 0; i < this.bounds.length; i++)
      if (value <= (this.bounds[i] as number)) {
        this.buckets[i] = (this.buckets[i] as number) + 1;
        return;
      }
  }

  /** Adds what another one of the same bounds has seen. */
  merge({ buckets, count, sum }: Histogram): void {
    for (const [i, seen] of buckets.entries()) this.buckets[i] = (this.buckets[i] as number) + seen;
    this.count += count;
    this.sum += sum;
  }
}

const quantiles = [0.5, 0.9, 0.99];
const remembered = 1000;

/** One series of a summary: quantiles of what was observed last. */
export class Summary {
  readonly #last = new Float64Array(remembered);
  count = 0;
  sum = 0;

  observe(value: number): void {
    this.#last[this.count++ % remembered] = value;
    this.sum += value;
  }

  quantiles(): readonly (readonly [number, number])[] {
    const known = this.#last.slice(0, this.count).sort();
    return quantiles.map((q) => [q, known[Math.ceil(q * known.length) - 1] ?? Number.NaN] as const);
  }
}

/** One label's value is mostly a constant, whose hash is known. */
function keyOf(labels: Values): string {
  return labels.length === 1 ? (labels[0] as string) : labels.join('\0');
}

/** Series of a family by the values of their labels; hold on to a series where it is used often. */
export class SeriesOf<T> {
  readonly #make: (...labels: Values) => T;
  readonly #all = new Map<string, { readonly labels: Values; readonly series: T }>();

  constructor(make: (...labels: Values) => T) {
    this.#make = make;
  }

  at(...labels: Values): T {
    const key = keyOf(labels);
    const known = this.#all.get(key);
    if (known) return known.series;
    const series = this.#make(...labels);
    this.#all.set(key, { labels, series });
    return series;
  }

  /** What is no more is told no more. */
  forget(...labels: Values): void {
    this.#all.delete(keyOf(labels));
  }

  *[Symbol.iterator](): Generator<readonly [Values, T]> {
    for (const { labels, series } of this.#all.values()) yield [labels, series];
  }
}

export class Counter {
  value = 0;

  add(by = 1): void {
    this.value += by;
  }
}

/** Metrics in Prometheus' text form, by name. Label names are given in their order, which is the alphabet's. */
export class MetricRegistry {
  readonly #families: Family[] = [];

  counter(name: string, help: string, labelNames: Values = []): SeriesOf<Counter> {
    const series = new SeriesOf(() => new Counter());
    // Without labels there is one series from the beginning.
    if (labelNames.length === 0) series.at();
    this.#add({ name, help, type: 'counter', labelNames }, () =>
      [...series].map(([labels, { value }]) => sampleLine(name, labelNames, labels, value)),
    );
    return series;
  }

  histogram(name: string, help: string, labelNames: Values, bounds = defaultBounds): SeriesOf<Histogram> {
    const series = new SeriesOf(() => new Histogram(bounds));
    this.alias(name, help, labelNames, series);
    return series;
  }

  /** Tells series by one more name. */
  alias(name: string, help: string, labelNames: Values, series: SeriesOf<Histogram>): void {
    this.#add({ name, help, type: 'histogram', labelNames }, () =>
      [...series].flatMap(([labels, histogram]) => histogramLines(name, labelNames, labels, histogram)),
    );
  }

  /** One that something else keeps. */
  known(name: string, help: string, histogram: Histogram): void {
    this.#add({ name, help, type: 'histogram', labelNames: [] }, () => histogramLines(name, [], [], histogram));
  }

  summary(name: string, help: string, labelNames: Values): SeriesOf<Summary> {
    const series = new SeriesOf(() => new Summary());
    this.#add({ name, help, type: 'summary', labelNames }, () =>
      [...series].flatMap(([labels, summary]) => [
        ...summary
          .quantiles()
          .map(([q, value]) => sampleLine(name, [...labelNames, 'quantile'], [...labels, String(q)], value)),
        sampleLine(`${name}_sum`, labelNames, labels, summary.sum),
        sampleLine(`${name}_count`, labelNames, labels, summary.count),
      ]),
    );
    return series;
  }

  /** Values as they are when somebody asks. */
  gauge(
    name: string,
    help: string,
    labelNames: Values,
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    this.#read({ name, help, type: 'gauge' }, labelNames, read);
  }

  /** A counter that something else keeps. */
  count(name: string, help: string, labelNames: Values, read: () => Iterable<Sample>): void {
    this.#read({ name, help, type: 'counter' }, labelNames, read);
  }

  /** All there are, whether they have series or not. */
  get families(): readonly Pick<Family, 'name' | 'type' | 'labelNames'>[] {
    return this.#families;
  }

  async text(): Promise<string> {
    const families = this.#families.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const parts: string[] = [];
    for (const family of families) parts.push(...(await family.lines()));
    return parts.map((line) => `${line}\n`).join('');
  }

  #read(
    about: { name: string; help: string; type: string },
    labelNames: Values,
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    this.#add({ ...about, labelNames }, async () =>
      [...(await read())].map(([labels, value, atMs]) => {
        const line = sampleLine(about.name, labelNames, labels, value);
        return atMs === undefined ? line : `${line} ${atMs}`;
      }),
    );
  }

  #add(
    { name, help, type, labelNames }: Omit<Family, 'lines'> & { readonly help: string },
    samples: () => readonly string[] | Promise<readonly string[]>,
  ): void {
    const head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    this.#families.push({
      name,
      type,
      labelNames,
      lines: async () => {
        const lines = await samples();
        return lines.length === 0 ? [] : [...head, ...lines];
      },
    });
  }
}

function histogramLines(name: string, labelNames: Values, labels: Values, histogram: Histogram): string[] {
  const { bounds, buckets, count, sum } = histogram;
  const line = (bound: string, value: number) =>
    sampleLine(`${name}_bucket`, [...labelNames, 'le'], [...labels, bound], value);
  let upTo = 0;
  return [
    ...bounds.map((bound, i) => {
      upTo += buckets[i] as number;
      return line(goFloat(bound), upTo);
    }),
    line('+Inf', count),
    sampleLine(`${name}_sum`, labelNames, labels, sum),
    sampleLine(`${name}_count`, labelNames, labels, count),
  ];
}

function sampleLine(name: string, labelNames: Values, labels: Values, value: number): string {
  const pairs = labelNames.map((label, i) => `${label}="${escaped(labels[i] ?? '')}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n') : value;
}

export type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: Labels;
  value: number;
  readonly buckets: number[];
  sum: number;
}

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => Iterable<readonly [Labels, number]>;
}

/** Counters, histograms and gauges in Prometheus' text form; a series exists from its first value on. */
export class Metrics {
  readonly #families = new Map<string, { help: string; bounds: readonly number[]; series: Map<string, Series> }>();
  readonly #gauges: Gauge[] = [];

  count(name: string, help: string, labels: Labels): void {
    this.#series({ name, help, bounds: [] }, labels).value++;
  }

  /** `bounds` are the upper bounds of the buckets, rising. */
  observe(family: { name: string; help: string; bounds: readonly number[] }, labels: Labels, value: number): void {
    const series = this.#series(family, labels);
    series.value++;
    series.sum += value;
    for (const [i, bound] of family.bounds.entries())
      if (value <= bound) series.buckets[i] = (series.buckets[i] ?? 0) + 1;
  }

  /** Values as they are when somebody asks. */
  gauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#gauges.push({ name, help, read });
  }

  text(): string {
    const families = [...this.#families].map(([name, family]) => familyText(name, family));
    return [...families, ...this.#gauges.map(gaugeText)].join('');
  }

  #series(family: { name: string; help: string; bounds: readonly number[] }, labels: Labels): Series {
    const known = this.#families.get(family.name) ?? { help: family.help, bounds: family.bounds, series: new Map() };
    this.#families.set(family.name, known);
    const key = labelText(labels);
    const series = known.series.get(key) ?? { labels, value: 0, buckets: family.bounds.map(() => 0), sum: 0 };
    known.series.set(key, series);
    return series;
  }
}

function familyText(name: string, family: { help: string; bounds: readonly number[]; series: Map<string, Series> }) {
  const histogram = family.bounds.length > 0;
  const lines = [`# HELP ${name} ${family.help}`, `# TYPE ${name} ${histogram ? 'histogram' : 'counter'}`];
  for (const series of family.series.values()) {
    if (!histogram) {
      lines.push(`${name}${labelText(series.labels)} ${series.value}`);
      continue;
    }
    for (const [i, bound] of [...family.bounds, '+Inf' as const].entries()) {
      const le = labelText({ ...series.labels, le: String(bound) });
      lines.push(`${name}_bucket${le} ${bound === '+Inf' ? series.value : series.buckets[i]}`);
    }
    lines.push(`${name}_sum${labelText(series.labels)} ${series.sum}`);
    lines.push(`${name}_count${labelText(series.labels)} ${series.value}`);
  }
  return `${lines.join('\n')}\n`;
}

function gaugeText({ name, help, read }: Gauge): string {
  const lines = [...read()].map(([labels, value]) => `${name}${labelText(labels)} ${value}`);
  return `${[`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines].join('\n')}\n`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

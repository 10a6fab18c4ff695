/** Upstream's buckets of apiserver_request_duration_seconds, thinned to those that tell our latencies apart. */
const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 5, 10, 30, 60] as const;

interface Series {
  count: number;
  sum: number;
  readonly below: number[];
}

/** Counts requests under upstream's metric names. */
export class RequestMetrics {
  readonly #totals = new Map<string, number>();
  readonly #durations = new Map<string, Series>();

  observe(
    labels: {
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly code: number;
    },
    seconds: number,
  ): void {
    const { verb, group, version, resource, code } = labels;
    const series = `group="${group}",resource="${resource}",verb="${verb}",version="${version}"`;
    const total = `code="${code}",${series}`;
    this.#totals.set(total, (this.#totals.get(total) ?? 0) + 1);
    const known = this.#durations.get(series) ?? { count: 0, sum: 0, below: buckets.map(() => 0) };
    this.#durations.set(series, known);
    known.count++;
    known.sum += seconds;
    for (const [i, bound] of buckets.entries()) if (seconds <= bound) known.below[i] = (known.below[i] ?? 0) + 1;
  }

  /** In the Prometheus text format. */
  text(): string {
    const lines = [
      '# HELP apiserver_request_total Requests by verb, resource and HTTP response code.',
      '# TYPE apiserver_request_total counter',
      ...[...this.#totals].map(([labels, count]) => `apiserver_request_total{${labels}} ${count}`),
      '# HELP apiserver_request_duration_seconds Time from a request to the end of its answer.',
      '# TYPE apiserver_request_duration_seconds histogram',
    ];
    for (const [labels, { count, sum, below }] of this.#durations) {
      for (const [i, bound] of buckets.entries())
        lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="${bound}"} ${below[i]}`);
      lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`);
      lines.push(`apiserver_request_duration_seconds_sum{${labels}} ${sum}`);
      lines.push(`apiserver_request_duration_seconds_count{${labels}} ${count}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

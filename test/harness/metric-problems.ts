/** One family of a page in Prometheus' text form. */
interface Family {
  help?: string;
  type?: string;
  readonly samples: { readonly name: string; readonly labels: string; readonly value: number }[];
}

/** Names that upstream gave counters before there was a rule. */
const oldCounters =
  /^(authentication_attempts|authenticated_user_requests|\w+_(fail_open|rejection)_count|kubelet_evictions)$/;

/** What is wrong with a page of metrics, as `promtool check metrics` and Prometheus' text format have it. */
export function metricProblems(text: string): string[] {
  const problems: string[] = [];
  const families = new Map<string, Family>();
  let current = '';
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const about = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (about) {
      const [, what, name = '', rest = ''] = about;
      const family = families.get(name) ?? { samples: [] };
      if (family.samples.length > 0 || family.type) problems.push(`${name}: told twice`);
      if (what === 'HELP') family.help = rest;
      else family.type = rest;
      families.set(name, family);
      current = name;
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)( \d+)?$/.exec(
      line,
    );
    const [, name = '', labels = '', value = ''] = sample ?? [];
    if (!sample || !belongs(name, current, families.get(current)?.type))
      problems.push(`not a sample of ${current}: ${line}`);
    families.get(current)?.samples.push({ name, labels, value: Number(value.replace('Inf', 'Infinity')) });
  }
  for (const [name, family] of families) problems.push(...familyProblems(name, family).map((why) => `${name}: ${why}`));
  return problems;
}

function belongs(name: string, family: string, type: string | undefined): boolean {
  const parts =
    type === 'histogram' ? ['_bucket', '_sum', '_count'] : type === 'summary' ? ['', '_sum', '_count'] : [''];
  return parts.some((part) => name === `${family}${part}`);
}

function familyProblems(name: string, { help, type, samples }: Family): string[] {
  const problems: string[] = [];
  if (!help) problems.push('no help');
  if (!['counter', 'gauge', 'histogram', 'summary'].includes(type ?? '')) problems.push(`no type: ${type}`);
  if (samples.length === 0) problems.push('no samples');
  if (type === 'counter' && !name.endsWith('_total') && !oldCounters.test(name))
    problems.push('a counter without _total');
  if (type !== 'counter' && name.endsWith('_total')) problems.push(`_total of a ${type}`);
  if (/_(milliseconds|ms|minutes|kilobytes|mb)$/.test(name)) problems.push('not in base units');
  const series = samples.map((one) => `${one.name}{${one.labels}}`);
  if (new Set(series).size < series.length) problems.push('a series twice');
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) problems.push('a counter below 0');
  if (type === 'histogram') problems.push(...histogramProblems(name, samples));
  return problems;
}

/** Buckets rise up to the last, which has all. */
function histogramProblems(name: string, samples: Family['samples']): string[] {
  const problems: string[] = [];
  const last = new Map<string, { bound: number; value: number }>();
  for (const one of samples) {
    if (one.name === `${name}_bucket`) {
      const bound = Number(/(?<!\w)le="([^"]*)"/.exec(one.labels)?.[1]?.replace('Inf', 'Infinity'));
      const key = one.labels.replace(/,?(?<!\w)le="[^"]*"/, '');
      const before = last.get(key);
      if (before && !(bound > before.bound && one.value >= before.value))
        problems.push(`buckets fall at {${one.labels}}`);
      last.set(key, { bound, value: one.value });
    } else if (one.name === `${name}_count`) {
      const { bound, value } = last.get(one.labels) ?? { bound: 0, value: -1 };
      if (bound !== Number.POSITIVE_INFINITY || value !== one.value)
        problems.push(`its last bucket has not all: {${one.labels}}`);
    }
  }
  return problems;
}

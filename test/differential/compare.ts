/** An answer, as much of it as counts. */
export interface Answer {
  readonly status: number;
  readonly warning: string;
  readonly text: string;
}

export interface Difference {
  readonly what: 'code' | 'words' | 'details' | 'fields' | 'warnings';
  /** The same for answers that differ in the same way. */
  readonly signature: string;
  readonly theirs: string;
  readonly ours: string;
}

interface Status {
  readonly kind?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message?: string }[] };
}

/** The first difference that counts between what the two servers answered. */
export function differenceOf(theirs: Answer, ours: Answer): Difference | undefined {
  const [a, b] = [theirs, ours].map(({ text }) => plain(text)) as [unknown, unknown];
  const told = (what: Difference['what'], signature: string, [x, y]: readonly [unknown, unknown]) => ({
    what,
    signature,
    theirs: shown(x),
    ours: shown(y),
  });
  const refused = [a, b].map((each) => (each as Status)?.kind === 'Status');
  if (theirs.status !== ours.status) {
    const said = [a, b].map((each, i) => (refused[i] ? causesOf(each as Status)[0] : 'taken')) as [string, string];
    return told('code', `${theirs.status} → ${ours.status}: ${said.map(general).join(' → ')}`, said);
  }
  if (refused[0]) {
    const [x, y] = [causesOf(a as Status), causesOf(b as Status)];
    const first = [x.find((each) => !y.includes(each)), y.find((each) => !x.includes(each))] as const;
    if (first[0] ?? first[1])
      return told('words', first.map((each) => general(each ?? '(not told)')).join(' → '), first);
    if ((a as Status).message !== (b as Status).message)
      return told('words', 'the same causes, told otherwise', [(a as Status).message, (b as Status).message]);
  }
  const [place, ...values] = firstOther(a, b, '') ?? [];
  if (place !== undefined) {
    const kind = values.map((each) => (each === undefined ? 'none' : each === null ? 'null' : typeof each)).join(' → ');
    return told(refused[0] ? 'details' : 'fields', `${place}: ${kind}`, values as [unknown, unknown]);
  }
  if (theirs.warning !== ours.warning)
    return told('warnings', `${general(theirs.warning)} → ${general(ours.warning)}`, [theirs.warning, ours.warning]);
  return undefined;
}

/** Without what is one server's own: uids, times, revisions, addresses, random names. */
function plain(text: string): unknown {
  const own = new Set(['uid', 'continue', 'resourceVersion', 'creationTimestamp', 'nodePort', 'healthCheckNodePort']);
  const told = text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, '<uid>')
    .replace(/kube-api-access-\w+/g, 'kube-api-access-<random>')
    .replace(/((?:resourceVersion|[nN]odePort)\\+":(?:\\+")?)\d+/g, '$1<own>')
    // A patched object that is told in full, in the order of the store.
    .replace(/(Invalid value: \\")\{\\\\\\".*?[^\\](?=\\": )/g, '$1<object>')
    .replace(/(in record \(|current: )\d+/g, '$1<own>')
    .replace(/X509SHA256=[0-9a-f]{64}/g, 'X509SHA256=<own>')
    .replace(/:3[0-2]\d{3}\/(?=TCP|UDP|SCTP)/g, ':<own>/')
    .replace(/10\.(96|20[01])\.\d+\.\d+/g, '<address>')
    .replace(/fd00:10::[0-9a-f:]*/g, '<IPv6 address>')
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC)?( m=\S+)?/g, '<time>');
  try {
    // Go goes through managers, and through fields that are wrong, in any order.
    if (told.includes('"FieldManagerConflict"')) return inAnyOrder(JSON.parse(told));
    if (told.includes('failed to create typed patch object')) return inAnyOrder(JSON.parse(told));
    // The events of a watch are a document each.
    const text = told.includes('}\n{') ? `[${told.trim().replaceAll('}\n{', '},\n{')}]` : told;
    return JSON.parse(text, (key, value) => {
      if (own.has(key)) return typeof value === 'object' ? '<own>' : value === '' || value === null ? value : '<own>';
      if (key === 'time') return '<time>';
      // Ours are our own.
      if (key === 'description') return '<text>';
      return value;
    });
  } catch {
    return told;
  }
}

function inAnyOrder(status: Status): Status {
  const causes = status.details?.causes?.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) ?? [];
  const message = status.message?.includes('not declared in schema')
    ? // What is found before it depends on the order.
      (status.message.match(/\.\S+: field not declared in schema/) ?? [])[0]
    : status.message?.split('\n').toSorted().join('\n');
  return { ...status, message: message ?? '', ...(status.details ? { details: { ...status.details, causes } } : {}) };
}

function causesOf({ message = '', details }: Status): readonly string[] {
  const causes = details?.causes?.map((each) => `${each.field}: ${each.message}`) ?? [];
  return causes.length > 0 ? causes : [message];
}

/** Without the names and values that it is about. */
function general(text: string): string {
  return text
    .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replace(/\{.*\}/gs, '{…}')
    .replace(/\[\d+\]/g, '[]')
    .replace(/-?\d+/g, 'N')
    .slice(0, 200);
}

function firstOther(a: unknown, b: unknown, place: string): readonly [string, unknown, unknown] | undefined {
  if (
    typeof a !== 'object' ||
    typeof b !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return Object.is(a, b) ? undefined : [place, a, b];
  const list = Array.isArray(a);
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [x, y] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
    const other = firstOther(x, y, list ? `${place}[]` : `${place}.${key}`);
    if (other) return other;
  }
  return undefined;
}

function shown(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '(none)')).slice(0, 1000);
}

/** How upstream shows what changed in a spec: a unified diff with three lines of context, found as Python's difflib finds it. */
export function unifiedDiff(before: string, after: string): string {
  const a = before.split('\n');
  const b = after.split('\n');
  const lines: string[] = [];
  for (const group of groups(operations(matchingBlocks(a, b), a.length, b.length))) {
    const first = group[0] as Operation;
    const last = group.at(-1) as Operation;
    lines.push(`@@ -${range(first.a1, last.a2)} +${range(first.b1, last.b2)} @@`);
    for (const { same, a1, a2, b1, b2 } of group) {
      for (let i = a1; i < a2; i += 1) lines.push(`${same ? ' ' : '-'}${a[i]}`);
      if (!same) for (let i = b1; i < b2; i += 1) lines.push(`+${b[i]}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

interface Block {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

interface Operation {
  readonly same: boolean;
  readonly a1: number;
  readonly a2: number;
  readonly b1: number;
  readonly b2: number;
}

const context = 3;
/** From this many lines on, lines that make up more than one in a hundred don't start a match. */
const popularFrom = 200;

/** Finding blocks takes the product of the lengths and more, at worst. */
const mostSteps = 2_000_000;

function matchingBlocks(a: readonly string[], b: readonly string[]): Block[] {
  const positions = new Map<string, number[]>();
  for (const [index, line] of b.entries()) {
    const known = positions.get(line);
    if (known) known.push(index);
    else positions.set(line, [index]);
  }
  const popular = Math.floor(b.length / 100) + 1;
  if (b.length >= popularFrom)
    for (const [line, places] of positions) if (places.length > popular) positions.delete(line);

  const effort = { steps: 0 };
  const blocks: Block[] = [];
  const pending: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let part = pending.pop(); part; part = pending.pop()) {
    const [a1, a2, b1, b2] = part;
    const match = longestMatch({ a, b, positions, effort }, part);
    if (effort.steps > mostSteps) return sameEnds(a, b);
    if (match.size === 0) continue;
    blocks.push(match);
    pending.push([a1, match.a, b1, match.b], [match.a + match.size, a2, match.b + match.size, b2]);
  }
  return blocks.sort((x, y) => x.a - y.a);
}

/** What is equal at the beginning and at the end; all between is one change. */
function sameEnds(a: readonly string[], b: readonly string[]): Block[] {
  const most = Math.min(a.length, b.length);
  let first = 0;
  while (first < most && a[first] === b[first]) first += 1;
  let last = 0;
  while (last < most - first && a[a.length - 1 - last] === b[b.length - 1 - last]) last += 1;
  return [
    { a: 0, b: 0, size: first },
    { a: a.length - last, b: b.length - last, size: last },
  ].filter(({ size }) => size > 0);
}

interface Sequences {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly positions: ReadonlyMap<string, readonly number[]>;
  readonly effort: { steps: number };
}

function longestMatch({ a, b, positions, effort }: Sequences, part: [number, number, number, number]): Block {
  const [a1, a2, b1, b2] = part;
  let best: Block = { a: a1, b: b1, size: 0 };
  let lengths = new Map<number, number>();
  for (let i = a1; i < a2 && effort.steps <= mostSteps; i += 1) {
    const next = new Map<number, number>();
    const places = positions.get(a[i] as string) ?? [];
    effort.steps += places.length + 1;
    for (const j of places) {
      if (j < b1 || j >= b2) continue;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size };
    }
    lengths = next;
  }
  let { a: start, b: other, size } = best;
  while (start > a1 && other > b1 && a[start - 1] === b[other - 1]) {
    start -= 1;
    other -= 1;
    size += 1;
  }
  while (start + size < a2 && other + size < b2 && a[start + size] === b[other + size]) size += 1;
  return { a: start, b: other, size };
}

function operations(blocks: readonly Block[], aLength: number, bLength: number): Operation[] {
  const result: Operation[] = [];
  let a1 = 0;
  let b1 = 0;
  for (const { a, b, size } of [...blocks, { a: aLength, b: bLength, size: 0 }]) {
    if (a1 < a || b1 < b) result.push({ same: false, a1, a2: a, b1, b2: b });
    const last = result.at(-1);
    if (size > 0 && last?.same && last.a2 === a && last.b2 === b) {
      result.pop();
      result.push({ ...last, a2: a + size, b2: b + size });
    } else if (size > 0) result.push({ same: true, a1: a, a2: a + size, b1: b, b2: b + size });
    a1 = a + size;
    b1 = b + size;
  }
  return result;
}

/** Changes with their context; far apart ones become hunks of their own. */
function groups(all: readonly Operation[]): Operation[][] {
  const changes = trimmed(all);
  const result: Operation[][] = [];
  let group: Operation[] = [];
  for (const operation of changes) {
    const { same, a1, a2, b1, b2 } = operation;
    if (same && a2 - a1 > 2 * context) {
      group.push({ same, a1, a2: Math.min(a2, a1 + context), b1, b2: Math.min(b2, b1 + context) });
      result.push(group);
      group = [{ same, a1: Math.max(a1, a2 - context), a2, b1: Math.max(b1, b2 - context), b2 }];
    } else group.push(operation);
  }
  if (group.length > 1 || group[0]?.same === false) result.push(group);
  return result;
}

/** Only `context` lines remain of what is equal at both ends. */
function trimmed(all: readonly Operation[]): Operation[] {
  const result = [...all];
  const first = result[0];
  if (first?.same)
    result[0] = { ...first, a1: Math.max(first.a1, first.a2 - context), b1: Math.max(first.b1, first.b2 - context) };
  const last = result.at(-1);
  if (last?.same)
    result[result.length - 1] = {
      ...last,
      a2: Math.min(last.a2, last.a1 + context),
      b2: Math.min(last.b2, last.b1 + context),
    };
  return result;
}

function range(start: number, end: number): string {
  const length = end - start;
  if (length === 1) return `${start + 1}`;
  return `${length === 0 ? start : start + 1},${length}`;
}

import { goQuote } from '@berth/kube';

/** What is wrong with a list of indexes, or how many it names. */
export type Indexes = { readonly problem: string } | { readonly total: number };

type Interval = readonly [first: number, last: number];

/** `1,3-5`: indexes of an indexed job in growing order, each below its completions (batch validation validateIndexesFormat). */
export function parseIndexes(text: string, completions: number): Indexes {
  if (text === '') return { total: 0 };
  let previous: number | undefined;
  let total = 0;
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return { problem: interval };
    const [first, last] = interval;
    if (previous !== undefined && previous >= first) return { problem: notGrowing(previous, first) };
    total += last - first + 1;
    previous = last;
  }
  return { total };
}

function notGrowing(previous: number, current: number): string {
  return `non-increasing order, previous: ${previous}, current: ${current}`;
}

/** The interval, or why it is none. */
function parseInterval(text: string, completions: number): Interval | string {
  const limits = text.split('-');
  if (limits.length > 2)
    return `the fragment ${goQuote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  const [first, last] = limits.map((limit) => parseIndex(limit, completions));
  if (typeof first === 'string') return first;
  if (last === undefined) return [first as number, first as number];
  if (typeof last === 'string') return last;
  return (first as number) >= last ? notGrowing(first as number, last) : [first as number, last];
}

/** Numbers as Go's strconv.Atoi reads them: an int64. */
function parseIndex(text: string, completions: number): number | string {
  if (!/^\+?\d+$/.test(text) || BigInt(text.replace('+', '')) >= 2n ** 63n)
    return `cannot convert string to integer for index: ${goQuote(text)}`;
  return Number(text) >= completions ? `too large index: ${goQuote(text)}` : Number(text);
}

/** The first index that both lists name; what can't be read is passed over (validateFailedIndexesNotOverlapCompleted). */
export function findOverlap(left: string, right: string, completions: number): number | undefined {
  const intervals = (text: string) =>
    text.split(',').flatMap((part) => {
      const interval = parseInterval(part, completions);
      return typeof interval === 'string' ? [] : [interval];
    });
  const [lefts, rights] = [intervals(left), intervals(right)];
  for (let i = 0, j = 0; i < lefts.length && j < rights.length; ) {
    const [first, last] = lefts[i] as Interval;
    const [otherFirst, otherLast] = rights[j] as Interval;
    if (first <= otherLast && otherFirst <= last) return Math.max(first, otherFirst);
    if (first <= otherFirst) i++;
    else j++;
  }
  return undefined;
}

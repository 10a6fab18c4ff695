import { isHolder } from './json-value.ts';

/** Whether a JSON value nests deeper than that. */
export function nestsDeeper(value: unknown, most: number): boolean {
  let level = [value].filter(isHolder);
  for (let depth = 0; depth < most && level.length > 0; depth++)
    level = level.flatMap((each) => Object.values(each).filter(isHolder));
  return level.length > 0;
}

/**
 * `JSON.stringify` of a JSON value. V8's goes through most without recursion, yet not through all (integers beyond 2^53
 * write themselves): one that nests deeper than the stack holds is written here.
 */
export function stringifyDeep(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return written(value);
    throw error;
  }
}

function written(value: unknown): string {
  const parts: string[] = [];
  const open: ({ readonly value: unknown } | { readonly text: string })[] = [{ value }];
  for (let next = open.pop(); next; next = open.pop()) {
    if ('text' in next) parts.push(next.text);
    else if (typeof next.value === 'bigint') parts.push(String(next.value));
    else if (!isHolder(next.value)) parts.push(JSON.stringify(next.value ?? null));
    else {
      const isList = Array.isArray(next.value);
      const members = Object.entries(next.value).filter(([, member]) => isList || member !== undefined);
      open.push({ text: isList ? ']' : '}' });
      for (const [i, [name, member]] of [...members.entries()].reverse()) {
        const comma = i === 0 ? '' : ',';
        open.push({ value: member }, { text: isList ? comma : `${comma}${JSON.stringify(name)}:` });
      }
      parts.push(isList ? '[' : '{');
    }
  }
  return parts.join('');
}

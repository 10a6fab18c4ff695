import { isRecord } from '@berth/kube';
import { jsonEqual } from './values/correlated.ts';

type Step =
  | { readonly type: 'names'; readonly names: readonly (string | number)[] }
  | {
      readonly type: 'slice';
      readonly from: number | undefined;
      readonly to: number | undefined;
      readonly step: number;
    }
  | { readonly type: 'all' | 'descend' }
  | { readonly type: 'filter'; readonly left: readonly Step[]; readonly operator: string; readonly right: unknown };

const maxKept = 1000;
/** By their text; undefined: nobody can read them. */
const known = new Map<string, readonly Step[] | undefined>();

/**
 * What a JSONPath as printer columns and selectable fields have it leads to: names, indexes, wildcards, slices, filters
 * (client-go util/jsonpath, keys may be missing). Empty where it leads nowhere or is none.
 */
export function readJsonPath(object: unknown, path: string): unknown[] {
  if (!known.has(path)) {
    if (known.size >= maxKept) known.clear();
    known.set(path, parsePath(path));
  }
  const steps = known.get(path);
  return steps ? follow([object], steps) : [];
}

export function isJsonPath(path: string): boolean {
  return parsePath(path) !== undefined;
}

function parsePath(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let rest = path.startsWith('$') ? path.slice(1) : path;
  while (rest !== '') {
    const found = nextStep(rest);
    if (!found) return undefined;
    if (found.step) steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

interface Found {
  readonly step?: Step;
  readonly length: number;
}

function nextStep(text: string): Found | undefined {
  if (text === '.') return { length: 1 };
  if (text.startsWith('..')) return { step: { type: 'descend' }, length: text[2] === '[' ? 2 : 1 };
  if (text.startsWith('.*')) return { step: { type: 'all' }, length: 2 };
  if (text.startsWith('.[')) return { length: 1 };
  const name = /^\.?((?:\\.|[^.[\]\\\s])+)/.exec(text);
  if (name)
    return { step: { type: 'names', names: [(name[1] as string).replace(/\\(.)/g, '$1')] }, length: name[0].length };
  return text.startsWith('[') ? bracketStep(text) : undefined;
}

function bracketStep(text: string): Found | undefined {
  const filter = /^\[\?\((.*?)\)\]/.exec(text);
  if (filter) {
    const step = filterStep(filter[1] as string);
    return step && { step, length: filter[0].length };
  }
  const end = closingBracket(text);
  if (end < 0) return undefined;
  const step = insideStep(text.slice(1, end).trim());
  return step && { step, length: end + 1 };
}

function closingBracket(text: string): number {
  let quote = '';
  for (let i = 1; i < text.length; i++) {
    const char = text[i] as string;
    if (quote !== '') {
      if (char === '\\') i++;
      else if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === ']') return i;
  }
  return -1;
}

function insideStep(inside: string): Step | undefined {
  if (inside === '*') return { type: 'all' };
  const slice = /^(-?\d*):(-?\d*)(?::(-?\d*))?$/.exec(inside);
  if (slice) {
    const [, from = '', to = '', step = ''] = slice;
    const number = (each: string) => (each === '' ? undefined : Number(each));
    return { type: 'slice', from: number(from), to: number(to), step: number(step) ?? 1 };
  }
  const names = inside.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]+/g)?.map((each) => literal(each.trim()));
  if (!names?.every((each) => typeof each === 'string' || typeof each === 'number')) return undefined;
  return { type: 'names', names: names as (string | number)[] };
}

function filterStep(text: string): Step | undefined {
  const match = /^\s*@((?:\.?[^=!<>\s]+)?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/.exec(text);
  if (!match) return undefined;
  const left = parsePath(match[1] as string);
  return left && { type: 'filter', left, operator: match[2] ?? 'exists', right: literal(match[3] ?? '') };
}

function literal(text: string): unknown {
  if (/^(['"]).*\1$/.test(text)) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

function follow(values: readonly unknown[], steps: readonly Step[]): unknown[] {
  let current = [...values];
  for (const step of steps) current = current.flatMap((value) => stepFrom(value, step));
  return current;
}

function stepFrom(value: unknown, step: Step): unknown[] {
  switch (step.type) {
    case 'names':
      return step.names.flatMap((name) => member(value, name));
    case 'all':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    case 'descend':
      return [value, ...descendants(value)];
    case 'slice':
      return Array.isArray(value) ? sliceOf(value, step) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(item, step)) : [];
  }
}

function member(value: unknown, name: string | number): unknown[] {
  if (Array.isArray(value)) {
    const index = typeof name === 'number' ? name : Number.NaN;
    const at = index < 0 ? value.length + index : index;
    return at in value ? [value[at]] : [];
  }
  return isRecord(value) && Object.hasOwn(value, String(name)) ? [value[String(name)]] : [];
}

function descendants(value: unknown): unknown[] {
  const children = Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function sliceOf(list: readonly unknown[], { from = 0, to, step }: Extract<Step, { type: 'slice' }>): unknown[] {
  if (step <= 0) return [];
  return list.slice(from, to).filter((_, i) => i % step === 0);
}

function passes(item: unknown, { left, operator, right }: Extract<Step, { type: 'filter' }>): boolean {
  const found = follow([item], left);
  if (operator === 'exists') return found.length > 0;
  const [value] = found;
  if (found.length === 0) return false;
  if (operator === '==') return jsonEqual(value, right);
  if (operator === '!=') return !jsonEqual(value, right);
  if (typeof value !== typeof right || (typeof value !== 'number' && typeof value !== 'string')) return false;
  const [a, b] = [value, right as typeof value];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

import { isRecord } from '../json-value.ts';
import { compareText } from './compare-text.ts';

/** A JSON value as Go's encoders write it: keys sorted, `<`, `>`, `&` and the line separators escaped. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return goString(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return `{${members.map(([key, member]) => `${goString(key)}:${canonicalJson(member)}`).join(',')}}`;
}

function goString(text: string): string {
  const json = JSON.stringify(text.toWellFormed());
  return /[<>&\u2028\u2029\b\f]/.test(text) ? json.replace(/\\[bf"\\]|[<>&\u2028\u2029]/g, escaped) : json;
}

/** Whole escapes are matched, so that a backslash before a letter is not taken for one. */
function escaped(found: string): string {
  if (found === '\\b') return '\\u0008';
  if (found === '\\f') return '\\u000c';
  return found.startsWith('\\') ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

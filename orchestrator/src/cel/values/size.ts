import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import { Optional } from './optional.ts';
import { isOpaque } from './type-of-value.ts';
import type { Result } from './value.ts';

/** Code points of a string, bytes, elements, keys; undefined for what has no size. */
export function sizeOf(value: Result): number | undefined {
  if (typeof value === 'string') return codePoints(value);
  if (value instanceof Uint8Array) return value.length;
  if (isList(value) || isMap(value)) return value.size;
  return undefined;
}

/** What costs count: the size, 1 for what has none. */
export function costSize(value: Result): number {
  const size = sizeOf(value);
  if (size !== undefined) return size;
  if (value instanceof Optional && value.value !== undefined) return costSize(value.value);
  return isOpaque(value) && value.size !== undefined ? Number(value.size) : 1;
}

/** Longer strings are counted once: expressions ask again and again, and pay next to nothing for it. */
const longText = 1000;
const maxKept = 50;
const counted = new Map<string, number>();

export function codePoints(text: string): number {
  if (text.length < longText) return count(text);
  let size = counted.get(text);
  if (size === undefined) {
    size = count(text);
    if (counted.size >= maxKept) counted.clear();
    counted.set(text, size);
  }
  return size;
}

function count(text: string): number {
  let points = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      points--;
      i++;
    }
  }
  return points;
}

import type { StoredObject } from '../stored-object.ts';

/** In units of {@link turns}: about a fifth of a microsecond each. */
const perRead = 50;
const bytesReadPerUnit = 10;
const perCopy = 5;
const bytesCopiedPerUnit = 1000;

/** What reading a stored object costs. */
export function readingCost({ kv }: StoredObject): number {
  return perRead + kv.value.length / bytesReadPerUnit;
}

/** What copying stored bytes costs. */
export function copyingCost(bytes: number): number {
  return perCopy + bytes / bytesCopiedPerUnit;
}

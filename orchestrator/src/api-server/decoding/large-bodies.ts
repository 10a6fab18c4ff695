import { setImmediate } from 'node:timers/promises';
import { apiError } from '@berth/kube';

/** From this size on a request is worked on in steps, and others are served in between. */
export const largeBytes = 64 * 1024;

/**
 * No object of these APIs comes near it: a slice of a thousand endpoints has some fifteen thousand. Upstream knows no such
 * limit, since it may leave a hostile body to one of many threads; here all others would wait for it.
 */
export const mostValues = 40_000;
/** Definitions, and what they define, are as large as their authors like. */
export const mostCustomValues = 200_000;

/** Of protobuf: an entry of a map is a field, and so are its key and its value. */
export const mostFields = 3 * mostValues;

/** How many values a body of such an object may have. */
export function mostValuesOf({ kind, custom }: { readonly kind: string; readonly custom?: unknown }): number {
  return custom !== undefined || kind === 'CustomResourceDefinition' ? mostCustomValues : mostValues;
}

const large = new WeakSet<object>();

/** Keeps in mind that working on this object takes long. */
export function markLarge(object: object): void {
  large.add(object);
}

export function isLarge(object: object): boolean {
  return large.has(object);
}

/** Lets others in between two steps of something large. */
export async function breathe(): Promise<void> {
  await setImmediate();
}

/** @throws ApiError RequestEntityTooLarge – a JSON text of more values than anyone has use for. */
export function refuseManyValues(text: string, most = mostValues): void {
  // Each value takes two characters and more.
  if (text.length < 2 * most) return;
  let values = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 92) i++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    // A comma, a bracket or a brace begins a value.
    else if ((code === 44 || code === 91 || code === 123) && ++values > most) throw tooManyValues(most);
  }
}

export function tooManyValues(most = mostValues) {
  return apiError('RequestEntityTooLarge', `Request entity too large: limit is ${most} values`);
}

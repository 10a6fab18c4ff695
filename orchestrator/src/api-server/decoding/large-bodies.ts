import { turns } from './turns.ts';

/** From this size on a request is worked on in steps, and others are served in between. */
export const largeBytes = 64 * 1024;

const large = new WeakSet<object>();

/** Keeps in mind that working on this object takes long. */
export function markLarge(object: object): void {
  large.add(object);
}

export function isLarge(object: object): boolean {
  return large.has(object);
}

/** Lets others in between two steps of something large. */
export function breathe(): Promise<void> {
  return turns.rest();
}

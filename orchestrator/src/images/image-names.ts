import type { References } from './reference-table.ts';

/** An image's own key in the table of names: the digest of its config, which keeps it known when it has no name left. */
export function isId(key: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(key);
}

/** Ids that an id or the start of one (six digits at least) may mean. */
export function idsMatching(references: References, reference: string): string[] {
  const start = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(reference)?.[1];
  if (start === undefined) return [];
  return Object.keys(references).filter((key) => isId(key) && key.startsWith(`sha256:${start}`));
}

/**
 * What goes when `asked` is taken from an image's names: with the last tag its repository digests go too, as nobody
 * would know them for names (Docker's `rmi`).
 */
export function withoutNames(
  names: readonly string[],
  asked: readonly string[],
): { readonly gone: readonly string[]; readonly isLast: boolean } {
  const isLast = !names.some((name) => !asked.includes(name) && !name.includes('@'));
  return { gone: isLast ? names : asked, isLast };
}

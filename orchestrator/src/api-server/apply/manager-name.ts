/** Bytes a manager's name may have. */
export const maxManagerBytes = 128;

/** Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the blank. */
export const isPrintable = (character: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);

/** Who a write is by: the field manager it names, else the beginning of the client's name (handlers managerOrUserAgent). */
export function managerOf(fieldManager: string | null, userAgent: string | undefined): string {
  if (fieldManager) return fieldManager;
  let name = '';
  for (const character of (userAgent ?? '').split('/', 1)[0] ?? '') {
    if (!isPrintable(character)) continue;
    if (Buffer.byteLength(name + character) > maxManagerBytes) break;
    name += character;
  }
  return name;
}

import type { FieldError } from '../resource-definition.ts';
import { invalid, tooLong } from '../resources/field.ts';

/** Bytes a manager's name may have. */
const maxManagerBytes = 128;

/** Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the blank. */
const isPrintable = (character: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);

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

/** What is wrong with a manager's name (apimachinery ValidateFieldManager). */
export function managerErrors(manager: string, field: string): FieldError[] {
  const errors = Buffer.byteLength(manager) > maxManagerBytes ? [tooLong(field, maxManagerBytes)] : [];
  let at = 0;
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
      errors.push(invalid(field, manager, `invalid character U+${code} (at position ${at})`));
    }
    at += Buffer.byteLength(character);
  }
  return errors;
}

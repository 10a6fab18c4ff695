import { isNumber } from '@berth/kit';
import { type ApiError, apiError } from '../api-error.ts';
import { goType } from '../apply/go-format.ts';
import { goNumber } from '../go-float.ts';

/** A patch document that breaks its own rules (upstream's mergepatch errors that become 400). */
export const badPatch = (message: string): ApiError => apiError('BadRequest', message);

/** What upstream's patch code returns as a plain error: 500 without a reason. */
export const patchFailure = (message: string): ApiError => apiError('Unknown', message, { code: 500 });

/** A patch that is well-formed and cannot be applied: the reason stays with the server, as upstream keeps it. */
export function unappliedPatch(cause: string): ApiError {
  const error = apiError('Invalid', 'the server rejected our request due to an error in our request', { details: {} });
  error.cause = new Error(cause);
  return error;
}

/** A value as Go's `%v` prints it: `map[image:a:2 name:x]`. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isNumber(value)) return goNumber(value);
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${goValue(item)}`).join(' ')}]`;
}

/** As Go's `%s` shows what is no text. */
export function goText(value: unknown): string {
  if (typeof value === 'string' || (typeof value === 'object' && value !== null)) return goValue(value);
  return value === null ? '%!s(<nil>)' : `%!s(${goType(value)}=${goValue(value)})`;
}

import { BerthError } from './berth-error.ts';

/** @throws BerthError Usage – it is neither true nor false. */
export function booleanFlag(flag: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new BerthError('Usage', `${flag} takes true or false, not "${text}"`);
  return text === 'true';
}

import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { matches } from './regex.ts';

/** The language's own functions of strings. */
export const text: readonly FunctionDeclaration[] = [
  declare('contains', {
    contains_string: ['string.(string): bool', (a, b) => (a as string).includes(b as string)],
  }),
  declare('endsWith', {
    ends_with_string: ['string.(string): bool', (a, b) => (a as string).endsWith(b as string)],
  }),
  declare('startsWith', {
    starts_with_string: ['string.(string): bool', (a, b) => (a as string).startsWith(b as string)],
  }),
  declare('matches', { matches: '(string, string): bool', matches_string: 'string.(string): bool' }, matches),
];

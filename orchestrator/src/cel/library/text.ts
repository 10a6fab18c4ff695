import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { noSuchOverload } from '../values/cel-error.ts';
import type { Result, Value } from '../values/value.ts';
import { matches } from './regex.ts';

function ofTexts(run: (text: string, part: string) => boolean): (text?: Value, part?: Value) => Result {
  return (text, part) => (typeof text === 'string' && typeof part === 'string' ? run(text, part) : noSuchOverload);
}

/** The language's own functions of strings. */
export const text: readonly FunctionDeclaration[] = [
  declare(
    'contains',
    { contains_string: 'string.(string): bool' },
    ofTexts((text, part) => text.includes(part)),
  ),
  declare(
    'endsWith',
    { ends_with_string: 'string.(string): bool' },
    ofTexts((text, part) => text.endsWith(part)),
  ),
  declare(
    'startsWith',
    { starts_with_string: 'string.(string): bool' },
    ofTexts((text, part) => text.startsWith(part)),
  ),
  declare('matches', { matches: '(string, string): bool', matches_string: 'string.(string): bool' }, matches),
];

import { SelectorError } from './selector-error.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** `metadata.name=a,status.phase!=Running`: conditions on fields (apimachinery pkg/fields). Immutable. */
export class FieldSelector {
  static readonly everything = new FieldSelector([]);
  readonly requirements: readonly FieldRequirement[];

  private constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  /** Which fields a kind knows is the server's to check. @throws SelectorError */
  static parse(text: string): FieldSelector {
    const requirements = splitTerms(text)
      .filter((term) => term !== '')
      .map((term) => parseTerm(text, term))
      // Nothing of nothing selects everything (hasTerm.Transform).
      .filter(({ field, value }) => field !== '' || value !== '');
    return new FieldSelector(requirements.toSorted((a, b) => (a.field < b.field ? -1 : a.field > b.field ? 1 : 0)));
  }

  static of(fields: Readonly<Record<string, string>>): FieldSelector {
    return new FieldSelector(
      Object.entries(fields).map(([field, value]) => ({ field, operator: '=' as const, value })),
    );
  }

  get isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  /** `get` gives a field's value; a field that is absent is the empty string. */
  matches(get: (field: string) => string | undefined): boolean {
    return this.requirements.every(
      ({ field, operator, value }) => ((get(field) ?? '') === value) === (operator === '='),
    );
  }

  /** The value a field must have, where the selector says so: lets a list go to one object directly. */
  exact(field: string): string | undefined {
    return this.requirements.find((each) => each.field === field && each.operator === '=')?.value;
  }

  toString(): string {
    return this.requirements
      .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
      .join(',');
  }
}

/** Splits at commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^\\,]|\\$)+/g) ?? [];
}

function parseTerm(text: string, term: string): FieldRequirement {
  const match = /^((?:\\[\s\S]|[^\\=!]|!(?!=))*?)(!=|==|=)([\s\S]*)$/.exec(term);
  if (!match) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
  const [, field, operator, value] = match as unknown as [string, string, string, string];
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) };
}

function unescapeValue(value: string): string {
  const unescaped = value.replace(/\\([\s\S]?)/g, (_, character: string) => {
    if (character !== '' && '\\,='.includes(character)) return character;
    throw new SelectorError(`invalid field selector: invalid escape sequence: \\${character}`);
  });
  if (/(^|[^\\])(\\\\)*[=,]/.test(value)) {
    const bare = /[=,]/.exec(value.replace(/\\[\s\S]/g, ''))?.[0];
    // Go prints a rune as its number.
    if (bare) throw new SelectorError(`invalid field selector: unescaped character in value: ${bare.charCodeAt(0)}`);
  }
  return unescaped;
}

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

/** Splits at commas that no backslash escapes; an expression would keep its way through each sign. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let begin = 0;
  for (let comma = text.indexOf(','); comma >= 0; comma = text.indexOf(',', comma + 1)) {
    if (isEscaped(text, comma)) continue;
    terms.push(text.slice(begin, comma));
    begin = comma + 1;
  }
  return [...terms, text.slice(begin)];
}

function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === '\\') before--;
  return (at - before) % 2 === 1;
}

function parseTerm(text: string, term: string): FieldRequirement {
  const match = /^((?:\\[\s\S]|[^\\=!]|!(?!=))*?)(!=|==|=)([\s\S]*)$/.exec(term);
  if (!match) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
  const [, field, operator, value] = match as unknown as [string, string, string, string];
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) };
}

/** In one pass, as fields.UnescapeValue: what is wrong first is told. */
function unescapeValue(value: string): string {
  if (!/[\\,=]/.test(value)) return value;
  let unescaped = '';
  for (let at = 0; at < value.length; at++) {
    let sign = value[at] as string;
    // Go prints a rune as its number.
    if (sign === ',' || sign === '=')
      throw new SelectorError(`invalid field selector: unescaped character in value: ${sign.charCodeAt(0)}`);
    if (sign === '\\') {
      sign = [...value.slice(++at, at + 2)][0] ?? '';
      if (!/^[\\,=]$/.test(sign)) throw new SelectorError(`invalid field selector: invalid escape sequence: \\${sign}`);
    }
    unescaped += sign;
  }
  return unescaped;
}

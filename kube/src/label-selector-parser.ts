import { goQuote } from './go-quote.ts';
import { labelKeyErrors } from './label-name.ts';
import { checkedRequirement, type LabelOperator, type LabelRequirement } from './label-requirement.ts';
import { SelectorError } from './selector-error.ts';

interface Token {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const symbols = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];
/** A symbol or a word, whatever of both is between blanks. */
const pattern = /==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g;
const operators: Readonly<Record<string, LabelOperator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};
const operatorNames = 'in, notin, =, ==, !=, gt, lt';

/** Conditions and values read in one step: half a millisecond. */
const readAtOnce = 500;

/** Reads `a=b,c in (d,e),!f` in steps (apimachinery labels.Parse, its grammar and its words); each says how many it has read. @throws SelectorError */
export function* readRequirements(text: string): Generator<number, LabelRequirement[], void> {
  const reader = new Reader(readable(text));
  const requirements: LabelRequirement[] = [];
  if (reader.peek().kind === 'end') return requirements;
  if (!reader.startsRequirement()) fail(reader.peek(), ", expected: !, identifier, or 'end of string'");
  while (true) {
    requirements.push(yield* reader.requirement());
    if (requirements.length % readAtOnce === 0) yield readAtOnce;
    const next = reader.take();
    if (next.kind === 'end') return requirements;
    if (next.text !== ',' || next.kind !== 'symbol') fail(next, ", expected: ',' or 'end of string'");
    if (!reader.startsRequirement()) fail(reader.peek(), ", expected: identifier after ','");
  }
}

const end: Token = { kind: 'end', text: '' };
const symbolTokens = new Map(symbols.map((text): [string, Token] => [text, { kind: 'symbol', text }]));

/** To upstream's lexer a NUL ends what is before it; where nothing is, the text. */
function readable(text: string): string {
  return text.replace(/([^ \t\r\n\0])\0/g, '$1 ').split('\0', 1)[0] as string;
}

function fail(token: Token, expected: string): never {
  throw new SelectorError(`found '${token.text}'${expected}`);
}

/** One token at a time: a selector may have hundreds of thousands. */
class Reader {
  readonly #text: string;
  #at = 0;
  #next: Token;

  constructor(text: string) {
    this.#text = text;
    this.#next = this.#read();
  }

  peek(): Token {
    return this.#next;
  }

  take(): Token {
    const token = this.#next;
    this.#next = this.#read();
    return token;
  }

  #read(): Token {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0];
    if (text === undefined) return end;
    this.#at = pattern.lastIndex;
    return symbolTokens.get(text) ?? { kind: 'word', text };
  }

  startsRequirement(): boolean {
    const { kind, text } = this.peek();
    return kind === 'word' || (kind === 'symbol' && text === '!');
  }

  *requirement(): Generator<number, LabelRequirement, void> {
    try {
      return checkedRequirement(yield* this.#requirement());
    } catch (error) {
      throw new SelectorError(`unable to parse requirement: ${(error as Error).message}`);
    }
  }

  *#requirement(): Generator<number, LabelRequirement, void> {
    const negated = this.#skip('!');
    const key = this.take();
    if (key.kind !== 'word') fail(key, ', expected: identifier');
    const keyErrors = labelKeyErrors(key.text);
    if (keyErrors.length > 0) {
      throw new SelectorError(`<nil>: Invalid value: ${goQuote(key.text)}: ${keyErrors.join('; ')}`);
    }
    if (negated) return { key: key.text, operator: '!', values: [] };
    if (this.#ends()) return { key: key.text, operator: 'exists', values: [] };
    const token = this.take();
    const operator = operators[token.text];
    if (!operator) fail(token, `, expected: ${operatorNames}`);
    if (operator !== 'in' && operator !== 'notin') return { key: key.text, operator, values: [this.#value()] };
    return { key: key.text, operator, values: [...new Set(yield* this.#values())].toSorted() };
  }

  #ends(): boolean {
    const { kind, text } = this.peek();
    return kind === 'end' || (kind === 'symbol' && text === ',');
  }

  #skip(symbol: string): boolean {
    const { kind, text } = this.peek();
    if (kind !== 'symbol' || text !== symbol) return false;
    this.take();
    return true;
  }

  #value(): string {
    if (this.#ends()) return '';
    const token = this.take();
    if (token.kind !== 'word') fail(token, ', expected: identifier');
    return token.text;
  }

  /** `(a,,b)`: an empty place is the empty value. */
  *#values(): Generator<number, string[], void> {
    const open = this.take();
    if (open.kind !== 'symbol' || open.text !== '(') fail(open, " expected: '('");
    const values: string[] = [];
    let wantsValue = true;
    while (true) {
      const token = this.take();
      if (token.kind === 'word') {
        if (!wantsValue) fail(token, ", expected: ',' or ')'");
        values.push(token.text);
        if (values.length % readAtOnce === 0) yield readAtOnce;
        wantsValue = false;
      } else if (token.kind === 'symbol' && (token.text === ',' || token.text === ')')) {
        if (wantsValue) values.push('');
        if (token.text === ')') return values;
        wantsValue = true;
      } else {
        fail(token, wantsValue ? ", expected: ',', ')' or identifier" : ", expected: ',' or ')'");
      }
    }
  }
}

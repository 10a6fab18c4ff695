import { goQuote } from './go-quote.ts';
import { labelKeyErrors } from './label-name.ts';
import type { LabelOperator, LabelRequirement } from './label-selector.ts';
import { SelectorError } from './selector-error.ts';

interface Token {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const symbols: ReadonlySet<string> = new Set(['==', '!=', '=', '!', '(', ')', ',', '>', '<']);
/** A symbol or a word, whatever of both is between blanks. */
const token = /==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g;
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

/** Reads `a=b,c in (d,e),!f` (apimachinery labels.Parse, its grammar and its words). @throws SelectorError */
export function parseRequirements(text: string): LabelRequirement[] {
  const reader = new Reader(tokens(text));
  const requirements: LabelRequirement[] = [];
  if (reader.peek().kind === 'end') return requirements;
  if (!reader.startsRequirement()) fail(reader.peek(), ", expected: !, identifier, or 'end of string'");
  while (true) {
    requirements.push(reader.requirement());
    const next = reader.take();
    if (next.kind === 'end') return requirements;
    if (next.text !== ',' || next.kind !== 'symbol') fail(next, ", expected: ',' or 'end of string'");
    if (!reader.startsRequirement()) fail(reader.peek(), ", expected: identifier after ','");
  }
}

/** To upstream's lexer a NUL ends what is before it; where nothing is, the text. */
function tokens(text: string): Token[] {
  const [read = ''] = text.replace(/([^ \t\r\n\0])\0/g, '$1 ').split('\0', 1);
  const found = (read.match(token) ?? []).map(
    (each): Token => ({ kind: symbols.has(each) ? 'symbol' : 'word', text: each }),
  );
  found.push({ kind: 'end', text: '' });
  return found;
}

function fail(token: Token, expected: string): never {
  throw new SelectorError(`found '${token.text}'${expected}`);
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(list: readonly Token[]) {
    this.#tokens = list;
  }

  peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  startsRequirement(): boolean {
    const { kind, text } = this.peek();
    return kind === 'word' || (kind === 'symbol' && text === '!');
  }

  requirement(): LabelRequirement {
    try {
      return this.#requirement();
    } catch (error) {
      throw new SelectorError(`unable to parse requirement: ${(error as Error).message}`);
    }
  }

  #requirement(): LabelRequirement {
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
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#value()];
    return { key: key.text, operator, values: [...new Set(values)].toSorted() };
  }

  #ends(): boolean {
    const { kind, text } = this.peek();
    return kind === 'end' || (kind === 'symbol' && text === ',');
  }

  #skip(symbol: string): boolean {
    const { kind, text } = this.peek();
    if (kind !== 'symbol' || text !== symbol) return false;
    this.#at++;
    return true;
  }

  #value(): string {
    if (this.#ends()) return '';
    const token = this.take();
    if (token.kind !== 'word') fail(token, ', expected: identifier');
    return token.text;
  }

  /** `(a,,b)`: an empty place is the empty value. */
  #values(): string[] {
    const open = this.take();
    if (open.kind !== 'symbol' || open.text !== '(') fail(open, " expected: '('");
    const values: string[] = [];
    let wantsValue = true;
    while (true) {
      const token = this.take();
      if (token.kind === 'word') {
        if (!wantsValue) fail(token, ", expected: ',' or ')'");
        values.push(token.text);
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

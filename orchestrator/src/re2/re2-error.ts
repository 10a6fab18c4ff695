/** A pattern that RE2 does not accept; the message is the one Go's regexp package has. */
export class Re2SyntaxError extends Error {
  override readonly name = 'Re2SyntaxError';

  constructor(code: string, expression: string) {
    super(`error parsing regexp: ${code}: \`${expression}\``);
  }
}

/** A pattern and a text that together are more work than one check may be. */
export class Re2LimitError extends Error {
  override readonly name = 'Re2LimitError';
}

/** A value that is JSON already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object of which some members are text already, as one line of JSON. */
export function jsonLine(object: object): string {
  const members = Object.entries(object).flatMap(([name, value]: [string, unknown]) =>
    value === undefined
      ? []
      : [`${JSON.stringify(name)}:${value instanceof JsonText ? value.text : JSON.stringify(value)}`],
  );
  return `{${members.join(',')}}\n`;
}

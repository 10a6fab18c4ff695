/**
 * Gathers what is written in a turn of the event loop and writes it at once, behind the turn's work: a line of a log costs
 * the call it tells of no system call. What a process writes as it ends is written too, unless it is killed.
 */
export class TurnWriter {
  readonly #write: (text: string) => void;
  #gathered = '';

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  readonly write = (text: string): void => {
    if (this.#gathered === '') setImmediate(() => this.flush());
    this.#gathered += text;
  };

  flush(): void {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#write(text);
  }
}

/** What this process tells on stderr. */
export function stderrByTurns(): (text: string) => void {
  const writer = new TurnWriter((text) => process.stderr.write(text));
  process.on('exit', () => writer.flush());
  return writer.write;
}

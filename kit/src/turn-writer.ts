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

interface Outputs {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  on(event: 'exit', run: () => void): unknown;
}

/** Writes to this process' stdout, and by turns to its stderr: on a terminal, which is both, in the order they came. */
export function outputsByTurns(process: Outputs): Record<'out' | 'err', (text: string) => void> {
  const writer = new TurnWriter((text) => process.stderr.write(text));
  process.on('exit', () => writer.flush());
  return {
    err: writer.write,
    out: (text) => {
      writer.flush();
      process.stdout.write(text);
    },
  };
}

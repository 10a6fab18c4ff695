interface Waiting {
  readonly units: number;
  readonly go: () => void;
}

/**
 * What one turn of the event loop has room for, shared out among all who ask: what came in goes first, what has been
 * going on for a while takes turns.
 */
export class Turns {
  readonly #unitsATurn: number;
  readonly #arrived: Waiting[] = [];
  readonly #goingOn: Waiting[] = [];
  #spent = 0;
  #isArmed = false;

  /** `unitsATurn`: of the work that is asked for, in units of the asker's. A piece that is larger has a turn of its own. */
  constructor(unitsATurn: number) {
    this.#unitsATurn = unitsATurn;
  }

  /** Before work that just came in. A promise: this turn has had enough, wait for it. */
  arrive(units: number): Promise<void> | undefined {
    return this.#take(this.#arrived, units);
  }

  /** The same before the next step of something long. */
  goOn(units: number): Promise<void> | undefined {
    return this.#take(this.#goingOn, units);
  }

  /** Others first, in any case. */
  rest(): Promise<void> {
    return this.#wait(this.#goingOn, this.#unitsATurn);
  }

  #take(queue: Waiting[], units: number): Promise<void> | undefined {
    if (queue.length > 0 || !this.#hasRoom(units)) return this.#wait(queue, units);
    this.#spend(units);
    return undefined;
  }

  #wait(queue: Waiting[], units: number): Promise<void> {
    return new Promise((go) => {
      queue.push({ units, go });
      this.#arm();
    });
  }

  #hasRoom(units: number): boolean {
    return this.#spent === 0 || this.#spent + units <= this.#unitsATurn;
  }

  #spend(units: number): void {
    this.#spent += units;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isArmed = false;
    this.#spent = 0;
    this.#letGo(this.#arrived);
    // One step of what goes on fits in any case, however many come in.
    if (this.#goingOn.length > 0) this.#letOneGo(this.#goingOn);
    this.#letGo(this.#goingOn);
  }

  #letGo(queue: Waiting[]): void {
    while (queue.length > 0 && this.#hasRoom((queue[0] as Waiting).units)) this.#letOneGo(queue);
  }

  #letOneGo(queue: Waiting[]): void {
    const { units, go } = queue.shift() as Waiting;
    this.#spend(units);
    go();
  }
}

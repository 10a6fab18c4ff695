/** How long tasks waited for something: some of them, or all at once. */
export interface Pressure {
  readonly some: Waiting;
  readonly full: Waiting;
}

export interface Waiting {
  /** In microseconds, as the kernel counts; upstream hands it on like this, too. */
  readonly total: number;
  /** Per cent of the last ten seconds, and of one and of five minutes. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
}

const pressed = ['cpu', 'memory', 'io'] as const;
export type Pressures = Readonly<Record<(typeof pressed)[number], Pressure>>;

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` (Documentation/accounting/psi.rst). */
function parsePressure(text: string): Pressure | undefined {
  if (text === '') return undefined;
  const waiting = (kind: string): Waiting => {
    const line = new RegExp(`^${kind} (.*)$`, 'm').exec(text)?.[1] ?? '';
    const of = (name: string) => Number(new RegExp(`\\b${name}=([\\d.]+)`).exec(line)?.[1] ?? 0);
    return { total: of('total'), avg10: of('avg10'), avg60: of('avg60'), avg300: of('avg300') };
  };
  return { some: waiting('some'), full: waiting('full') };
}

/** By what reads the file of each; undefined where the kernel does not tell. */
export async function readPressures(read: (name: keyof Pressures) => Promise<string>): Promise<Pressures | undefined> {
  const [cpu, memory, io] = (await Promise.all(pressed.map(read))).map(parsePressure);
  return cpu && memory && io ? { cpu, memory, io } : undefined;
}

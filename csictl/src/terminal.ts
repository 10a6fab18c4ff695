/** What csictl reads and writes; `main.ts` alone knows the real ones. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** stdout is a terminal: states may be coloured. */
  readonly isInteractive: boolean;
}

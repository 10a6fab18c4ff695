/** What csictl reads and writes; `main.ts` alone knows the real ones. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  /** Bytes as they are; resolves when there is room for more. */
  readonly outBytes?: (bytes: Uint8Array) => Promise<void>;
  readonly err: (text: string) => void;
  /** stdout is a terminal: states may be coloured. */
  readonly isInteractive: boolean;
  /** Calls `run` at the first Ctrl-C or SIGTERM, which then do not end the program; until disposed. */
  readonly onInterrupt?: (run: () => void) => Disposable;
}

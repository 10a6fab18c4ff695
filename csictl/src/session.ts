import type { Printer } from './output/print.ts';
import type { Terminal } from './terminal.ts';

export interface GlobalOptions {
  readonly endpoint?: string;
  readonly dataDir: string;
  readonly kubeletDir?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly timeoutMs: number;
  readonly verbose: boolean;
}

/** One run of one command. */
export interface Session {
  readonly options: GlobalOptions;
  readonly terminal: Terminal;
  readonly printer: Printer;
  /** Aborts when --timeout is over; of commands that run until they are stopped, at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

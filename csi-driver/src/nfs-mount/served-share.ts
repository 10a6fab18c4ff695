/** What a process that serves a mount is started with, as JSON; all of it was checked by the driver. */
export interface ServedShare {
  readonly server: string;
  /** The exported path. */
  readonly export: string;
  /** Names below it, joined with `/`. */
  readonly subDir: string;
  /** As mount tables show it. */
  readonly source: string;
  /** `4` is the newest of 4.1 and later. */
  readonly version: 3 | 4 | 4.1 | 4.2 | 'auto';
  readonly port?: number;
  readonly privilegedPort: boolean;
  /** nfs(5) options. */
  readonly tuning: readonly string[];
  /** Of the mount: `ro`, `nosuid`, … */
  readonly mountFlags: readonly string[];
}

/** The one line such a process says when it can be used, or why it can't. */
export type ServingAnswer = { readonly ready: true } | { readonly code: string; readonly message: string };

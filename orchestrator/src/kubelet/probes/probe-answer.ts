/** `unknown` is neither: the probe itself could not run, and counts for nothing. */
export interface ProbeAnswer {
  readonly result: 'success' | 'failure' | 'unknown';
  readonly output: string;
  /** A success that somebody should look at. */
  readonly warning?: boolean;
}

/** What this process tells of itself. */
export interface DebugOptions {
  /** Whether it lets itself be profiled, and its log level be set (--profiling). */
  readonly profiling: boolean;
  /** What it was started with: each flag by its name. */
  readonly flags: Readonly<Record<string, string>>;
  /** Absent: its log has one level for ever. */
  readonly setVerbosity?: (verbosity: number) => void;
}

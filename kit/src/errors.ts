export interface CodedErrorOptions {
  /** More than fits a line: what was tried, what the system answered. Never a secret. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/**
 * The base of every error Berth throws on purpose: a code a program can switch on and one line a person can act on.
 * Each boundary has one subclass (`KernelError`, `CsiError`, `ApiError`) and alone turns it into wire form.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly detail: string | undefined;

  constructor(code: Code, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.detail = options.detail;
  }
}

/** Thrown by a reconcile function when trying again cannot help until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** One line about anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for what an aborted signal makes operations reject with. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'ABORT_ERR');
}

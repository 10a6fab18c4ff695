import { CodedError } from '@berth/kit';

export type BerthErrorCode = 'Usage' | 'InUse' | 'NotRoot' | 'Missing' | 'NotFound' | 'Failed' | 'Interrupted';

/** What `berth` tells its user: one line, and a hint with the next command. */
export class BerthError extends CodedError<BerthErrorCode> {
  readonly hint: string | undefined;

  constructor(
    code: BerthErrorCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(code, message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/** Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 130 (as a shell has it) stopped by a signal. */
export const exitCodes = {
  Usage: 2,
  InUse: 1,
  NotRoot: 1,
  Missing: 1,
  NotFound: 3,
  Failed: 1,
  Interrupted: 130,
} as const satisfies Record<BerthErrorCode, number>;

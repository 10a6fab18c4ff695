import { CodedError, type CodedErrorOptions } from '@berth/kit';
import type { NfsStatus } from './nfs-status.ts';

/** What an RPC layer answers instead of a result (RFC 5531 §9). */
export type RpcFault =
  | 'PROG_UNAVAIL'
  | 'PROG_MISMATCH'
  | 'PROC_UNAVAIL'
  | 'GARBAGE_ARGS'
  | 'SYSTEM_ERR'
  | 'RPC_MISMATCH'
  | 'AUTH_ERROR';

/**
 * What this side finds: `BAD_REPLY` the server broke the protocol, `TIMEDOUT` no answer by the deadline,
 * `UNAVAILABLE` no connection, `CLOSED` the client was disposed, `BAD_NAME` a name or path that is never sent.
 */
export type ClientFault = 'BAD_REPLY' | 'TIMEDOUT' | 'UNAVAILABLE' | 'CLOSED' | 'BAD_NAME';

export type NfsErrorCode = NfsStatus | RpcFault | ClientFault;

export interface NfsErrorOptions extends CodedErrorOptions {
  /** The request was sent more than once, so an earlier sending may have done what this answer says failed. */
  readonly resent?: boolean;
}

/** Every failure of this package: the server's status without its `NFS3ERR_` or `NFS4ERR_`, an RPC fault, or a finding of our own. */
export class NfsError extends CodedError<NfsErrorCode> {
  readonly resent: boolean;

  constructor(code: NfsErrorCode, message: string, options: NfsErrorOptions = {}) {
    super(code, message, options);
    this.resent = options.resent ?? false;
  }
}

/** True for an NfsError with one of the codes. */
export function isNfsError(error: unknown, ...codes: readonly NfsErrorCode[]): error is NfsError {
  return error instanceof NfsError && (codes.length === 0 || codes.includes(error.code));
}

/** A reply that breaks the protocol: the server is hostile, broken or not an NFS server. */
export function badReply(what: string): NfsError {
  return new NfsError('BAD_REPLY', `malformed reply: ${what}`);
}

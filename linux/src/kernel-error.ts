import { CodedError } from '@berth/kit';

/** errno names the kernel answered with, such as `EBUSY`; `EUNKNOWN` where the number has no name here. */
export class KernelError extends CodedError {
  readonly errno: number;
  readonly syscall: string;

  constructor(code: string, errno: number, syscall: string, message: string) {
    super(code, message);
    this.errno = errno;
    this.syscall = syscall;
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes(String((error as { code?: unknown }).code));
}

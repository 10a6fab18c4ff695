/** A call to a server outside that brought no usable answer; the message is what client-go would say. */
export class CallError extends Error {
  override readonly name = 'CallError';
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** Whether the answer says that the same may be right the next time. */
  readonly mayPass: boolean;

  constructor(
    message: string,
    options: { readonly status?: number; readonly mayPass?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.mayPass = options.mayPass ?? false;
  }
}

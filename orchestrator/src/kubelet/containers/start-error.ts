/** Reasons a container waits for its start, as its status shows them. */
export type StartFailure =
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError'
  | 'CrashLoopBackOff'
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError';

/** A container could not be started; the pod's worker tries again after `retryAfterMs`. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: StartFailure;
  readonly retryAfterMs: number | undefined;

  constructor(reason: StartFailure, message: string, retryAfterMs?: number) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

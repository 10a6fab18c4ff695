import { messageOf } from '@berth/kit';
import { ApiError, apiError, type Status } from '@berth/kube';

/** How a command ended, as the error channel says it (v4.channel.k8s.io and later). */
export function exitStatus(code: number): Status {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** Why a command or attachment could not be run: the node's own refusal, or an internal error with `doing` before it. */
export function failureStatus(error: unknown, doing: string): Status {
  if (error instanceof ApiError) return error.status;
  return apiError('InternalError', `Internal error occurred: ${doing}: ${messageOf(error)}`).status;
}

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

/** On the error channel: from v4 on a Status; before, the bare message and nothing for success (kubelet v1WriteStatusFunc). */
export function statusText(status: Status, protocol: string): string {
  if (/^v[45]\./.test(protocol)) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? '');
}

/** Why a command or attachment could not be run: the node's own refusal, or an internal error with `doing` before it. */
export function failureStatus(error: unknown, doing: string): Status {
  if (error instanceof ApiError) return error.status;
  return apiError('InternalError', `Internal error occurred: ${doing}: ${messageOf(error)}`).status;
}

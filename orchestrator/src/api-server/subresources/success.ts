import type { KubeObject } from '@berth/kube';
import type { Answer } from '../server-request.ts';

/** The Status that says an action was done. */
export function success(status = 201): Answer {
  const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: status } as KubeObject;
  return { type: 'object', status, object };
}

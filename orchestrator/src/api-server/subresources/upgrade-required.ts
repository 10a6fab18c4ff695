import { apiError } from '@berth/kube';
import type { NodeApiLookup } from '../../node-api.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import { streamOf } from '../streaming/stream-of.ts';

/** exec, attach and port-forward change protocols; a request that does not ask for that is a mistake, told behind what is wrong with the pod. */
export function upgradeRequired(nodeApi: NodeApiLookup): SpecialHandler {
  return async (context, route, request) => {
    await streamOf({ context, nodeApi }, route, request);
    throw apiError('BadRequest', 'Upgrade request required');
  };
}

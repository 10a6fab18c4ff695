import { apiError } from '@berth/kube';
import { portsOf } from '../query-values.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import { requireObject } from '../verbs/get-object.ts';

/** exec, attach and port-forward change protocols; a request that does not ask for that is a mistake. */
export const upgradeRequired: SpecialHandler = async (context, route, { query }) => {
  if (route.subresource?.name === 'portforward') portsOf(query);
  await requireObject(context, route);
  throw apiError('BadRequest', 'Upgrade request required');
};

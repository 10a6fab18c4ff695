import { rfc3339 } from '@berth/kit';
import type { KubeObject } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { changeObject } from '../verbs/change-object.ts';
import type { Verdict } from './availability.ts';

/** Writes the condition Available of an APIService, where it says something else; tells what it said. @throws ApiError */
export async function tellAvailability(
  context: ServerContext,
  name: string,
  { status, reason, message }: Verdict,
): Promise<string | undefined> {
  const definition = context.registry.ofResource('apiregistration.k8s.io', 'apiservices');
  if (!definition) return undefined;
  let said: string | undefined;
  const change = (object: AnyObject): AnyObject => {
    const conditions = (object.status?.conditions ?? []) as (KubeObject & Record<string, unknown>)[];
    const before = conditions.find((one) => one['type'] === 'Available');
    said = before?.['status'] as string | undefined;
    const same = said === status;
    if (same && before?.['reason'] === reason && before['message'] === message) return object;
    const lastTransitionTime = same ? before?.['lastTransitionTime'] : rfc3339(context.clock.now());
    const condition = { type: 'Available', status, lastTransitionTime, reason, message };
    const others = conditions.filter((one) => one['type'] !== 'Available');
    return { ...object, status: { ...object.status, conditions: [...others, condition] } };
  };
  const request = { definition, namespace: '', name, subresource: 'status', endpoint: 'status' } as const;
  const by = { user: loopback, dryRun: false, warn: () => undefined };
  await changeObject(context, { own: true, ...request, ...by, change });
  return said;
}

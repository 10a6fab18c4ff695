import { type Clock, deadline } from '@berth/kit';
import { type APIResourceList, type KubeClient, type ResourceType, resources, resourceType } from '@berth/kube';

/** A server that takes longer is none that can be waited for; client-go's time for discovery. */
const patienceMs = 32_000;

export interface RemoteType extends ResourceType {
  /** Its server deletes all of a namespace by one request. */
  readonly hasDeleteCollection: boolean;
}

export interface RemoteTypes {
  readonly types: readonly RemoteType[];
  /** `group/version` of servers that do not say what they have. */
  readonly stale: readonly string[];
}

/** What other servers keep in namespaces and can delete, as they say now. @throws ApiError */
export async function remoteTypes(client: KubeClient, clock: Clock): Promise<RemoteTypes> {
  const types: RemoteType[] = [];
  const stale: string[] = [];
  const { items } = await client.list(resources.apiservices);
  for (const { spec, status } of items) {
    const { service, group = '', version = '' } = spec ?? {};
    if (!service) continue;
    const isAvailable = status?.conditions?.some(({ type, status: is }) => type === 'Available' && is === 'True');
    const served = isAvailable ? await discovered(client, clock, `/apis/${group}/${version}`) : undefined;
    if (!served) stale.push(`${group}/${version}`);
    for (const { name, kind, namespaced, verbs } of served ?? [])
      if (namespaced && verbs.includes('delete') && verbs.includes('list') && !name.includes('/')) {
        const type = resourceType(group, version, name, kind, true);
        types.push({ ...type, hasDeleteCollection: verbs.includes('deletecollection') });
      }
  }
  return { types, stale };
}

async function discovered(client: KubeClient, clock: Clock, path: string) {
  using time = deadline(clock, patienceMs);
  try {
    return (await client.raw<APIResourceList>({ method: 'GET', path }, time.signal)).resources;
  } catch {
    return undefined;
  }
}

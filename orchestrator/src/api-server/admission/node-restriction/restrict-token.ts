import { aggregate } from '../../aggregate.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { notFound } from '../../resource-errors.ts';
import type { NodeRequest } from './node-restriction.ts';

interface BoundRef {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
}

/** Tokens for pods of the node alone, and for audiences that such a pod names. */
export async function restrictToken(asked: NodeRequest): Promise<void> {
  const { node, request, lookup, refused } = asked;
  const { operation, subresource, namespace, object } = request;
  if (operation !== 'create' || subresource !== 'token') return;
  const ref = object.spec?.boundObjectRef as BoundRef | undefined;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name)
    throw refused('node requested token not bound to a pod');
  if (!ref.uid) throw refused('node requested token with a pod binding without a uid');
  const pod = await lookup.find('', 'pods', namespace, ref.name);
  // A lister of upstream's says so, which names one.
  if (!pod) throw notFound({ group: '', plural: 'pod' }, ref.name);
  if (ref.uid !== pod.metadata.uid)
    throw refused(
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec?.nodeName !== node) throw refused('node requested token bound to a pod scheduled on a different node');
  await restrictAudience(asked, pod);
}

async function restrictAudience(asked: NodeRequest, pod: AnyObject): Promise<void> {
  const { request, authorizer, refused } = asked;
  const { object, user, namespace, name } = request;
  const [audience = '', ...more] = (object.spec?.audiences ?? []) as string[];
  if (more.length > 0) throw refused('node may only request 0 or 1 audiences');
  const { isReferenced, missing } = await referencesAudience(asked, pod, audience);
  if (isReferenced) return;
  if (missing.length > 0) throw refused(`error validating audience ${JSON.stringify(audience)}: ${aggregate(missing)}`);
  const { allowed } = await authorizer().authorize({
    user,
    verb: 'request-serviceaccounts-token-audience',
    namespace,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    name,
    path: '',
  });
  if (!allowed)
    throw refused(
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
    );
}

/** Whether a volume of the pod is for that audience, and which objects are not there that could tell (podReferencesAudience). */
async function referencesAudience(
  asked: NodeRequest,
  pod: AnyObject,
  audience: string,
): Promise<{ readonly isReferenced: boolean; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  const find = async (group: string, plural: string, namespace: string, name: string) => {
    const found = await asked.lookup.find(group, plural, namespace, name);
    // A lister of upstream's says so, which names one.
    if (!found) missing.push(notFound({ group, plural: plural.slice(0, -1) }, name).message);
    return found;
  };
  const driverOf = async (claim: string): Promise<string | undefined> => {
    const found = await find('', 'persistentvolumeclaims', asked.request.namespace, claim);
    const volume = found && (await find('', 'persistentvolumes', '', found.spec?.volumeName ?? ''));
    return volume?.spec?.csi?.driver;
  };
  // biome-ignore lint/suspicious/noExplicitAny: volumes as stored, of which a few fields are looked at.
  for (const volume of (pod.spec?.volumes ?? []) as Record<string, any>[]) {
    const sources = (volume['projected']?.sources ?? []) as { serviceAccountToken?: { audience?: string } }[];
    if (sources.some(({ serviceAccountToken: token }) => token && (token.audience ?? '') === audience))
      return { isReferenced: true, missing };
    const claim = volume['ephemeral']
      ? `${pod.metadata.name}-${volume['name']}`
      : (volume['persistentVolumeClaim']?.claimName as string | undefined);
    const driver = (volume['csi']?.driver as string | undefined) ?? (claim && (await driverOf(claim)));
    if (!driver) continue;
    const found = await find('storage.k8s.io', 'csidrivers', '', driver);
    const requests = (found?.spec?.tokenRequests ?? []) as { audience?: string }[];
    if (requests.some((one) => (one.audience ?? '') === audience)) return { isReferenced: true, missing };
  }
  return { isReferenced: false, missing };
}

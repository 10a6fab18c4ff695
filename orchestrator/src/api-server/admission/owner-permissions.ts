import { groupVersionOf, type OwnerReference } from '@berth/kube';
import type { Attributes } from '../authorizer.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import type { AuthorizerNow } from './certificates/certificate-plugins.ts';
import { refused } from './refused.ts';

/** Who gives an object an owner must be one who may delete it; who holds up the owner's deletion, one who may do that (admission gc). */
export function ownerReferencesPermissionEnforcement(
  context: ServerContext,
  authorizer: AuthorizerNow,
): AdmissionPlugin {
  return async (request) => {
    const { operation, object, old, user, definition, subresource, namespace, name } = request;
    if (operation !== 'create' && operation !== 'update') return;
    const { group, plural: resource, version } = definition;
    // A status changes no owners, and old kubelets send none.
    if (group === '' && resource === 'pods' && subresource === 'status') return;
    const [owners, before] = [ownersOf(object), ownersOf(old)];
    if (semanticEqual(owners, before)) return;
    const why = async (attributes: Attributes): Promise<string | undefined> => {
      const { allowed, reason, error = '<nil>' } = await authorizer().authorize(attributes);
      return allowed ? undefined : `${reason}, ${error}`;
    };
    if (operation === 'update') {
      const itself = { user, verb: 'delete', namespace, group, version, resource, subresource, name, path: '' };
      const told = await why(itself);
      if (told !== undefined) throw refused(request, `cannot set an ownerRef on a resource you can't delete: ${told}`);
    }
    const blocking = newlyBlocking(owners, before);
    if (blocking.length === 0) return;
    const finalizers = { user, verb: 'update', subresource: 'finalizers', path: '' };
    const all = { namespace: '', group: '*', version: '*', resource: '*', name: '*' };
    if ((await why({ ...finalizers, ...all })) === undefined) return;
    for (const owner of blocking) {
      for (const kind of kindsOf(context, request, owner)) {
        const asked = { group: kind.group, version: kind.version, resource: kind.plural, name: owner.name };
        const told = await why({ ...finalizers, ...asked, namespace: kind.namespaced ? namespace : '' });
        if (told === undefined) continue;
        const words =
          "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
        throw refused(request, `${words}: ${told}`);
      }
    }
  };
}

function ownersOf(object: AnyObject | undefined): readonly OwnerReference[] {
  return object?.metadata?.ownerReferences ?? [];
}

function newlyBlocking(owners: readonly OwnerReference[], before: readonly OwnerReference[]): OwnerReference[] {
  const blocked = new Set(before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion).map(({ uid }) => uid));
  return owners.filter(({ blockOwnerDeletion, uid }) => blockOwnerDeletion && !blocked.has(uid));
}

/** What serves the owner's kind. @throws ApiError Forbidden – nothing does. */
function kindsOf(
  { registry }: ServerContext,
  request: AdmissionRequest,
  { apiVersion, kind }: OwnerReference,
): readonly ResourceDefinition[] {
  const { group, version } = groupVersionOf(apiVersion);
  const served = registry.resourcesOf(group, version) ?? [];
  const found = served.filter((each) => each.kind === kind);
  if (found.length > 0) return found;
  const why = `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`;
  throw refused(
    request,
    `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: ${why}`,
  );
}

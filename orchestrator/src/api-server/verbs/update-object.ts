import { copyJson, keepSentEmpties, restoreIntegers } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { managerOf } from '../apply/manager-name.ts';
import { expectedKind } from '../body-decoder.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import { withoutRepeatedOwners } from '../owner-references.ts';
import { anotherObject, modified } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { writeOptionsOf } from '../write-options.ts';
import { changeObject } from './change-object.ts';
import { createChecked } from './create-object.ts';
import { requestedChange } from './requested-change.ts';

/** Kinds that a PUT creates where there is none (their strategies' AllowCreateOnUpdate is true). */
const createdByUpdate = new Set([
  '/endpoints',
  '/events',
  'events.k8s.io/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leases',
  'node.k8s.io/runtimeclasses',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
]);

/** PUT of the object itself or of its status. */
export async function updateObject(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name, subresource } = route;
  const options = writeOptionsOf(request.query, 'UpdateOptions');
  const manager = managerOf(options.fieldManager, request.userAgent);
  const body = await context.bodies.object(request, expectedKind(definition), options.fieldValidation);
  ensureNamespace(body, definition.namespaced, namespace);
  ensureName(body, name);
  withoutRepeatedOwners(body, request.warn, 'before');
  if (
    !subresource &&
    createdByUpdate.has(`${definition.group}/${definition.plural}`) &&
    !(await context.storage(definition).find(namespace, name))
  ) {
    // The object that is meant is gone; a revision alone says nothing of another one.
    const { uid, resourceVersion } = body.metadata;
    if (uid && resourceVersion) throw modified(definition, name);
    const key = context.storage(definition).keyOf(namespace, name);
    if (uid) throw anotherObject(definition, { name, key, wanted: uid, have: '' });
    delete body.metadata.resourceVersion;
    const created = await createChecked(context, {
      definition,
      object: body,
      user: request.user,
      warn: request.warn,
      dryRun: options.dryRun,
      asked: askedOf(request, writeOptionsOf(request.query, 'CreateOptions').asObject),
      manager,
    });
    return { type: 'object', status: 201, object: created, definition };
  }
  const object = await changeObject(context, {
    ...requestedChange(route, request, options),
    manager,
    ...(body.metadata.uid ? { uid: body.metadata.uid } : {}),
    // Parts of this process have integers rounded.
    change: (current) => (request.asValues ? restoreIntegers(body, current) : keepSentEmpties(body, copyJson(body))),
  });
  return { type: 'object', status: 200, object, definition };
}

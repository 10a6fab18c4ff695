import { trackUpdate } from '../../apply/track-update.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import type { StoredObject } from '../../stored-object.ts';

/**
 * `next` with the managedFields it has when the server has written its status: upstream's controllers sign as
 * `kube-apiserver`. Of definitions, which may be large, only what these write is compared.
 */
export function trackStatus(
  context: ServerContext,
  { object: live, definition }: StoredObject,
  next: AnyObject,
): AnyObject {
  const fields = trackUpdate({
    scope: context.fields.of(definition, 'status'),
    live: written(live, live.metadata.managedFields),
    next: written(next),
    sent: undefined,
    manager: 'kube-apiserver',
    now: context.clock.now(),
  });
  return fields ? { ...next, metadata: { ...next.metadata, managedFields: fields } } : next;
}

function written(
  { apiVersion, kind, metadata: { uid, finalizers }, status }: AnyObject,
  managedFields?: AnyObject['metadata']['managedFields'],
): AnyObject {
  const metadata = { uid, ...(finalizers ? { finalizers } : {}), ...(managedFields ? { managedFields } : {}) };
  return { apiVersion, kind, metadata, status } as AnyObject;
}

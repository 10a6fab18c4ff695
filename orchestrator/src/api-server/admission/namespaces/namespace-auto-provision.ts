import { ApiError, isAlreadyExists } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { loopback } from '../../user.ts';
import { createChecked } from '../../verbs/create-object.ts';
import type { AdmissionPlugin } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import { refused } from '../refused.ts';

/** A namespace that something is created in is there from then on (admission NamespaceAutoProvision). */
export function namespaceAutoProvision(lookup: AdmissionLookup, context: ServerContext): AdmissionPlugin {
  return async (request) => {
    const { operation, dryRun, namespace, definition } = request;
    if (operation !== 'create' || dryRun || namespace === '' || !definition.namespaced) return;
    if (await lookup.find('', 'namespaces', '', namespace)) return;
    const namespaces = context.registry.ofResource('', 'namespaces');
    if (!namespaces) return;
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } as AnyObject;
    try {
      await createChecked(context, {
        definition: namespaces,
        object,
        user: loopback,
        dryRun: false,
        warn: () => undefined,
      });
    } catch (error) {
      if (isAlreadyExists(error)) return;
      throw error instanceof ApiError ? refused(request, error.message) : error;
    }
  };
}

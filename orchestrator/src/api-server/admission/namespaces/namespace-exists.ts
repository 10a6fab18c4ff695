import type { AdmissionPlugin } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';

/** Nothing is created, changed or deleted in a namespace that is not there (admission NamespaceExists). */
export function namespaceExists(lookup: AdmissionLookup): AdmissionPlugin {
  return async ({ operation, namespace, definition }) => {
    if (operation === 'connect' || namespace === '' || !definition.namespaced) return;
    await lookup.namespace(namespace);
  };
}

import { apiError } from '@berth/kube';
import { forbidden } from '../resource-errors.ts';
import { unlikeSegment } from '../route.ts';
import type { AdmissionPlugin } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

/** Nothing is created in a namespace that is missing or going; the first three namespaces stay. */
export function namespaceLifecycle(lookup: AdmissionLookup): AdmissionPlugin {
  return async ({ operation, definition, namespace, name }) => {
    if (operation === 'delete') {
      if (definition.group === '' && definition.plural === 'namespaces' && immortal.has(name))
        throw forbidden(definition, name, 'this namespace may not be deleted');
      return;
    }
    if (operation !== 'create' || !definition.namespaced || !definition.stored || namespace === '') return;
    const wrong = unlikeSegment(namespace);
    if (wrong) throw unasked(`invalid resource name ${JSON.stringify(namespace)}: [${wrong}]`);
    const found = await lookup.namespace(namespace);
    if (!found.metadata.deletionTimestamp) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const { message, details = {} } = forbidden(definition, name, why).status;
    const causes = [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ];
    throw apiError('Forbidden', message ?? '', { details: { ...details, causes } });
  };
}

/** A name that client-go asks nobody for. */
function unasked(why: string) {
  return apiError('InternalError', `Internal error occurred: ${why}`, { details: { causes: [{ message: why }] } });
}

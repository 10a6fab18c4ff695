import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';

/** What a pod is told of the place of its node. */
const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/**
 * A pod has the labels that say where its node is: a binding brings them, and a pod that is made for a node begins with
 * them (admission PodTopologyLabels). A node that is not there has none.
 */
export function podTopologyLabels(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const name = nodeOf(request);
    if (!name) return;
    const labels = (await lookup.find('', 'nodes', '', name))?.metadata.labels ?? {};
    const { metadata } = request.object;
    for (const key of copied)
      if (labels[key] !== undefined) metadata.labels = { ...metadata.labels, [key]: labels[key] };
  };
}

function nodeOf(request: AdmissionRequest): string | undefined {
  const { operation, definition, subresource, object } = request;
  if (operation !== 'create') return undefined;
  if (isResource(request, '', 'pods')) return object.spec?.nodeName;
  if (subresource !== 'binding' || definition.group !== '' || definition.plural !== 'pods') return undefined;
  const { kind, name } = (object['target'] ?? {}) as { readonly kind?: string; readonly name?: string };
  return kind === 'Node' ? name : undefined;
}

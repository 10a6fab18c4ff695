import type { NodeRequest } from './node-restriction.ts';

export function ownLease({ node, request, refused }: NodeRequest): void {
  const { namespace, name, operation, object } = request;
  if (namespace !== 'kube-node-lease')
    throw refused('can only access leases in the "kube-node-lease" system namespace');
  if ((operation === 'create' ? object.metadata.name : name) !== node)
    throw refused('can only access node lease with the same name as the requesting node');
}

export function ownCsiNode({ node, request, refused }: NodeRequest): void {
  const { name, operation, object } = request;
  if ((operation === 'create' ? object.metadata.name : name) !== node)
    throw refused('can only access CSINode with the same name as the requesting node');
}

/** Of the others the authorizer knows whose they are. */
export function ownResourceSlice({ node, request, refused }: NodeRequest): void {
  const { operation, object, old } = request;
  if (operation === 'create' && object.spec?.nodeName !== node)
    throw refused('can only create ResourceSlice with the same NodeName as the requesting node');
  if (operation === 'delete' && old?.spec?.nodeName !== node)
    throw refused('can only delete ResourceSlice with the same NodeName as the requesting node');
}

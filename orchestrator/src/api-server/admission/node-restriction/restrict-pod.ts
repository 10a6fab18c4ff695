import type { OwnerReference } from '@berth/kube';
import { notFound } from '../../resource-errors.ts';
import { semanticEqual } from '../../resources/equality.ts';
import { apiObjectReference } from './api-object-reference.ts';
import type { NodeRequest } from './node-restriction.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

export async function restrictPod(asked: NodeRequest): Promise<void> {
  const { subresource } = asked.request;
  if (subresource === '') return restrictOwn(asked);
  if (subresource === 'status') return restrictStatus(asked);
  if (subresource === 'eviction') return restrictEviction(asked);
  throw asked.refused(
    `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
  );
}

async function restrictOwn(asked: NodeRequest): Promise<void> {
  const { node, request, refused } = asked;
  const self = `node ${JSON.stringify(node)}`;
  if (request.operation === 'create') return restrictCreate(asked);
  if (request.operation !== 'delete')
    throw refused(
      `unexpected operation ${JSON.stringify(request.operation.toUpperCase())}, ${self} can only create and delete mirror pods`,
    );
  if (request.old?.spec?.nodeName !== node)
    throw refused(`${self} can only delete pods with spec.nodeName set to itself`);
}

async function restrictCreate({ node, request, lookup, refused }: NodeRequest): Promise<void> {
  const { metadata, spec } = request.object;
  const self = `node ${JSON.stringify(node)}`;
  if (metadata.annotations?.[mirrorAnnotation] === undefined)
    throw refused(
      `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, ${self} can only create mirror pods`,
    );
  if (spec?.nodeName !== node) throw refused(`${self} can only create pods with spec.nodeName set to itself`);
  const wrong = ownerProblem(node, metadata.ownerReferences ?? []);
  if (wrong !== undefined) throw refused(wrong);
  const found = await lookup.find('', 'nodes', '', node);
  // A lister of upstream's says so, which names one.
  if (!found) throw notFound({ group: '', plural: 'node' }, node);
  const owned = metadata.ownerReferences?.[0]?.uid ?? '';
  if (owned !== found.metadata.uid)
    throw refused(`node ${node} UID mismatch: expected ${owned} got ${found.metadata.uid}`);
  const reference = apiObjectReference(request.object);
  if (reference !== undefined) throw refused(`${self} can not create pods that reference ${reference}`);
}

function ownerProblem(node: string, owners: readonly OwnerReference[]): string | undefined {
  const self = `node ${JSON.stringify(node)}`;
  const [owner, ...more] = owners;
  if (more.length > 0) return `${self} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return `${self} can only create pods with an owner reference set to itself`;
  if (!owner.controller) return `${self} can only create pods with a controller owner reference set to itself`;
  return owner.blockOwnerDeletion ? `${self} must not set blockOwnerDeletion on an owner reference` : undefined;
}

function restrictStatus({ node, request, refused }: NodeRequest): void {
  const { operation, object, old } = request;
  const self = `node ${JSON.stringify(node)}`;
  if (operation !== 'update') throw refused(`unexpected operation ${JSON.stringify(operation.toUpperCase())}`);
  if (old?.spec?.nodeName !== node)
    throw refused(`${self} can only update pod status for pods with spec.nodeName set to itself`);
  if (!semanticEqual(object.metadata.labels, old.metadata.labels))
    throw refused(`${self} cannot update labels through pod status`);
  if (!semanticEqual(object.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses))
    throw refused(`${self} cannot update resource claim statues`);
  if (!semanticEqual(object.status?.extendedResourceClaimStatus, old.status?.extendedResourceClaimStatus))
    throw refused(`${self} cannot update extended resource claim status`);
}

async function restrictEviction({ node, request, lookup, refused }: NodeRequest): Promise<void> {
  const { operation, namespace, object } = request;
  if (operation !== 'create') throw refused(`unexpected operation ${operation.toUpperCase()}`);
  const name = request.name || object.metadata.name;
  if (!name) throw refused('could not determine pod from request data');
  const pod = await lookup.find('', 'pods', namespace, name);
  if (!pod) throw notFound({ group: '', plural: 'pod' }, name);
  if (pod.spec?.nodeName !== node) throw refused(`node ${node} can only evict pods with spec.nodeName set to itself`);
}

import type { AnyObject } from '../../resource-definition.ts';
import { semanticEqual } from '../../resources/equality.ts';
import { unifiedDiff } from '../../resources/unified-diff.ts';
import type { NodeRequest } from './node-restriction.ts';

/** Of a claim only what a resize on the node brings about. */
export function restrictClaim({ node, request, refused }: NodeRequest): void {
  const { operation, subresource, object, old } = request;
  if (subresource !== 'status') throw refused('may only update PVC status');
  if (operation !== 'update' || !old) throw refused(`unexpected operation ${JSON.stringify(operation.toUpperCase())}`);
  const [before, after] = [withoutSizes(old), withoutSizes(object)];
  if (semanticEqual(before, after)) return;
  throw refused(
    `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions: ${unifiedDiff(text(before), text(after))}`,
  );
}

function withoutSizes({ metadata, status, ...rest }: AnyObject): object {
  const { resourceVersion: _, managedFields: _fields, ...meta } = metadata;
  const {
    capacity: _capacity,
    conditions: _conditions,
    allocatedResourceStatuses: _statuses,
    allocatedResources: _resources,
    ...kept
  } = (status ?? {}) as Record<string, unknown>;
  return { ...rest, metadata: meta, status: kept };
}

function text(value: object): string {
  return JSON.stringify(value, null, 2);
}

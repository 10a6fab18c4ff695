import { difference, type FieldSet, recursiveDifference } from '@berth/kube';
import type { ResourceDefinition } from '../resource-definition.ts';

/** Fields an endpoint never writes, and so never gives to a manager (the strategies' GetResetFields). */
export interface ResetFields {
  readonly exclude: FieldSet;
}

const metadata: FieldSet = { 'f:metadata': {} };
const spec: FieldSet = { 'f:spec': {} };
const status: FieldSet = { 'f:status': {} };
const specAndMetadata: FieldSet = { ...spec, ...metadata };

/** By `group/plural/subresource` (empty: the object itself), where it is other than status here and spec there. */
const special: Readonly<Record<string, ResetFields>> = {
  '/pods/status': {
    exclude: { ...spec, 'f:metadata': { 'f:deletionTimestamp': {}, 'f:ownerReferences': {} } },
  },
  '/namespaces/finalize': { exclude: status },
  'apps/deployments/status': { exclude: { ...spec, 'f:metadata': { 'f:labels': {} } } },
  'certificates.k8s.io/certificatesigningrequests/': { exclude: { ...spec, ...status } },
  'certificates.k8s.io/certificatesigningrequests/status': {
    exclude: { ...spec, 'f:status': { 'f:conditions': {} } },
  },
  'certificates.k8s.io/certificatesigningrequests/approval': {
    exclude: { ...spec, 'f:status': { 'f:certificate': {} } },
  },
};

/** Whose status endpoint does not write metadata either. */
const keepsMetadata = new Set([
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'apiregistration.k8s.io/apiservices',
  'flowcontrol.apiserver.k8s.io/flowschemas',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations',
  'networking.k8s.io/servicecidrs',
  'resource.k8s.io/devicetaintrules',
  'resource.k8s.io/resourceclaims',
  'storage.k8s.io/volumeattachments',
  'storagemigration.k8s.io/storageversionmigrations',
]);

export function resetFieldsOf(definition: ResourceDefinition, subresource: string): ResetFields | undefined {
  const { group, plural, subresources } = definition;
  const own = special[`${group}/${plural}/${subresource}`];
  if (own) return own;
  if (subresource === 'status') {
    // Custom resources' status endpoint leaves all else as well.
    const bare = keepsMetadata.has(`${group}/${plural}`) || definition.merge !== undefined;
    return { exclude: bare ? specAndMetadata : spec };
  }
  return subresource === '' && subresources.some(({ name }) => name === 'status') ? { exclude: status } : undefined;
}

export function withoutReset(set: FieldSet, reset: ResetFields | undefined): FieldSet {
  return reset ? recursiveDifference(set, reset.exclude) : set;
}

/** What the server decides of every object, and no manager owns. */
const serverFields: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

export const withoutServerFields = (set: FieldSet): FieldSet => difference(set, serverFields);

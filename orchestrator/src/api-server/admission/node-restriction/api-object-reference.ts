import { configMapNames, secretNames } from '../../authorization/node/pod-references.ts';
import type { AnyObject } from '../../resource-definition.ts';

/** Kinds of volumes that are of other API objects, in the order they are looked at. */
const volumeKinds = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
] as const;

const projectedKinds = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
] as const;

/** Which API objects a pod names, if any: a mirror pod may not (podutil.HasAPIObjectReference). */
export function apiObjectReference({ spec = {} }: AnyObject): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  if (secretNames(spec).length > 0) return 'secrets';
  if (configMapNames(spec).length > 0) return 'configmaps';
  if (spec.resourceClaims?.length) return 'resourceclaims';
  for (const volume of (spec.volumes ?? []) as Readonly<Record<string, unknown>>[]) {
    const found = volumeKinds.find(([kind]) => volume[kind]);
    if (found) return found[1];
    const { sources = [] } = (volume['projected'] ?? {}) as { sources?: Readonly<Record<string, unknown>>[] };
    for (const source of sources) {
      const named = projectedKinds.find(([kind]) => source[kind]);
      if (named) return named[1];
    }
  }
  return undefined;
}

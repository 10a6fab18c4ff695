import type { KubeObject } from '@berth/kube';

/** An object reduced to its metadata (meta.k8s.io PartialObjectMetadata). */
export function partialOf({ metadata }: KubeObject, version: string): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

import type { KubeObject } from '@berth/kube';

/** What the unversioned form of a daemon set has in a field of its own (apps/v1 conversion). */
const templateGeneration = 'deprecated.daemonset.template.generation';

/** An object reduced to its metadata, as its unversioned form has that (meta.k8s.io PartialObjectMetadata). */
export function partialOf({ kind, metadata }: KubeObject, version: string): KubeObject {
  const own = kind === 'DaemonSet' && metadata.annotations?.[templateGeneration] !== undefined;
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: own ? withoutGeneration(metadata) : metadata,
  };
}

function withoutGeneration({ annotations = {}, ...metadata }: KubeObject['metadata']): KubeObject['metadata'] {
  const { [templateGeneration]: _, ...others } = annotations;
  return Object.keys(others).length > 0 ? { ...metadata, annotations: others } : metadata;
}

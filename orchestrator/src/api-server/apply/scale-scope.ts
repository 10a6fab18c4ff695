import { mergeTypeOf, schemas } from '@berth/kube';
import type { FieldScope } from './field-scope.ts';

/** The scope of `scale` subresources, whatever they scale. */
export function scaleScope(): FieldScope {
  const apiVersion = 'autoscaling/v1';
  const type = mergeTypeOf(schemas.get('io.k8s.api.autoscaling.v1.Scale'));
  return {
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    apiVersion,
    subresource: 'scale',
    type,
    versions: {
      typeOf: (version) => (version === apiVersion ? type : undefined),
      convert: (object, version) => (version === apiVersion ? object : undefined),
    },
    convert: undefined,
    filter: (set) => set,
    reconcile: false,
    empty: () => ({ kind: 'Scale', apiVersion, metadata: {}, spec: {}, status: { replicas: 0 } }),
  };
}

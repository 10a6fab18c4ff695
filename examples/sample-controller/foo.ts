import { type KubeObject, resourceType } from '@berth/kube';

/** A Foo wants a Deployment of its own. */
export interface Foo extends KubeObject {
  readonly spec: { readonly deploymentName?: string; readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number };
}

/** Where Foos are served: what `definition.yaml` defines. */
export const foos = resourceType<Foo>('samplecontroller.k8s.io', 'v1alpha1', 'foos', 'Foo', true);

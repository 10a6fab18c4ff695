import { type KubeObject, resources } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { aServer } from '../server.test-harness.ts';

/** A definition's manifest, as a client writes it. */
export type Manifest = KubeObject & { readonly spec: object };

export interface FooOptions {
  readonly schema?: object;
  readonly version?: object;
  readonly spec?: object;
}

/** The documents' example: foos.samplecontroller.k8s.io with a schema and a status. */
export function fooDefinition({ schema, version, spec }: FooOptions = {}): Manifest {
  const openAPIV3Schema = schema ?? {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          deploymentName: { type: 'string' },
          replicas: { type: 'integer', minimum: 1, maximum: 10 },
        },
      },
      status: { type: 'object', properties: { availableReplicas: { type: 'integer' } } },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'foos.samplecontroller.k8s.io',
      annotations: {
        'api-approved.kubernetes.io':
          "unapproved, experimental-only; please get an approval from Kubernetes API reviewers if you're trying to develop a CRD in the *.k8s.io or *.kubernetes.io groups",
      },
    },
    spec: {
      group: 'samplecontroller.k8s.io',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema },
          subresources: { status: {} },
          ...version,
        },
      ],
      names: { kind: 'Foo', plural: 'foos' },
      scope: 'Namespaced',
      ...spec,
    },
  };
}

export const foosPath = '/apis/samplecontroller.k8s.io/v1alpha1/namespaces/default/foos';

export function aFoo(
  name: string,
  spec: object = { deploymentName: name, replicas: 1 },
  more: object = {},
): KubeObject {
  return {
    apiVersion: 'samplecontroller.k8s.io/v1alpha1',
    kind: 'Foo',
    metadata: { name },
    spec,
    ...more,
  } as KubeObject;
}

/** A server in memory, and requests to it as a client in the process makes them. */
export async function aCustomServer() {
  const server = await aServer();
  const { client } = server;
  const { customresourcedefinitions: crds } = resources;
  const define = async (definition: Manifest) => {
    const name = definition.metadata.name as string;
    await client.create(crds, definition as never);
    const stop = new AbortController();
    for await (const { object } of client.watch(crds, { fieldSelector: `metadata.name=${name}` }, stop.signal)) {
      const conditions = object.status?.conditions ?? [];
      if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) break;
      if (conditions.some(({ type, status }) => type === 'NamesAccepted' && status === 'False')) break;
    }
    stop.abort();
    return client.get(crds, { name });
  };
  const send = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    contentType?: string,
  ) =>
    client.raw<AnyObject>({
      method,
      path,
      ...(body === undefined ? {} : { body }),
      ...(contentType ? { contentType } : {}),
    });
  return { ...server, crds, define, send };
}

/** The Status of a refusal. */
export async function refusal(
  answer: Promise<unknown>,
): Promise<{ message?: string; code?: number; reason?: string; details?: { causes?: unknown[] } }> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error) || !('status' in error)) throw new Error(`no refusal: ${String(error)}`);
  return (error as Error & { status: object }).status;
}

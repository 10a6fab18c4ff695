import { isAlreadyExists, isReason } from '@berth/kube';
import { own } from '../admission/asked.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import type { AddressRange } from '../service-ips/address-range.ts';
import { defaultServiceCidr } from '../service-ips/default-service-cidr.ts';
import { loopback } from '../user.ts';
import { createChecked } from '../verbs/create-object.ts';
import { untilKnown } from './until-known.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Upstream's two classes above everything of users (scheduling bootstrap-system-priority-classes). */
const priorityClasses: readonly AnyObject[] = [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

export interface BootstrapOptions {
  /** Of the services; the server's own address is the first one's first. */
  readonly ranges: readonly [AddressRange, ...AddressRange[]];
  readonly port: number;
}

/** Creates what every cluster begins with, where it is missing. */
export async function bootstrap(context: ServerContext, { ranges, port }: BootstrapOptions): Promise<void> {
  await Promise.all([
    ...namespaces.map((name) =>
      ensure(context, '', 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
    ),
    // Before the first Service: it has its address of it.
    ensure(context, 'networking.k8s.io', 'servicecidrs', defaultServiceCidr(ranges.map(({ cidr }) => cidr))),
  ]);
  await Promise.all([
    ...priorityClasses.map((each) => ensure(context, 'scheduling.k8s.io', 'priorityclasses', each)),
    ensureKubernetesService(context, kubernetesService(ranges[0].at(1n), port)),
  ]);
}

/** Where somebody took its range or its address away, all else is served; it is tried again by and by. */
async function ensureKubernetesService(context: ServerContext, service: AnyObject): Promise<void> {
  try {
    await ensure(context, '', 'services', service);
  } catch (error) {
    if (!isReason(error, 'Invalid')) throw error;
    context.log.error('there is no kubernetes Service', { reason: error.message });
  }
}

/** The API server as pods know it. */
function kubernetesService(clusterIP: string, port: number): AnyObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      clusterIP,
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
  };
}

async function ensure(context: ServerContext, group: string, plural: string, object: AnyObject): Promise<void> {
  const definition = context.registry.ofResource(group, plural);
  if (definition) await untilKnown(context.clock, () => ensureOne(context, definition, object));
}

async function ensureOne(context: ServerContext, definition: ResourceDefinition, object: AnyObject): Promise<void> {
  const { namespace = '', name = '' } = object.metadata;
  if (await context.storage(definition).find(namespace, name)) return;
  try {
    const copy = structuredClone(object);
    await createChecked(context, {
      definition,
      object: copy,
      user: loopback,
      dryRun: false,
      warn: () => undefined,
      asked: own,
    });
  } catch (error) {
    // Another server of the same store was faster, or is just about it.
    if (!isAlreadyExists(error) && !(await appears(context, context.storage(definition), object))) throw error;
  }
}

/** Whether another server makes it, which takes what it needs (an address) before. */
async function appears({ store, clock }: ServerContext, storage: ObjectStorage, object: AnyObject): Promise<boolean> {
  const { namespace = '', name = '' } = object.metadata;
  for (let tries = 0; store.shared && tries < 50; tries++) {
    if (await storage.find(namespace, name)) return true;
    await clock.sleep(100);
  }
  return false;
}

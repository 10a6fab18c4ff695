import { isReason } from '@berth/kube';
import type { FrontProxy } from '../authentication/front-proxy.ts';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import { changeOwn } from './change-own.ts';
import { createOwn } from './create-own.ts';

const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

interface Known {
  readonly clientCa: string;
  readonly frontProxy: FrontProxy | undefined;
}

/**
 * Tells servers behind this one how its users are known (controlplane controller/clusterauthenticationtrust). Where
 * what was told before cannot be read, it being sealed with a key that is gone, all else is served.
 */
export async function publishAuthentication(context: ServerContext, known: Known): Promise<void> {
  try {
    await publish(context, known);
  } catch (error) {
    if (!isReason(error, 'InternalError')) throw error;
    context.log.error('servers behind this one are not told how its users are known', {
      configMap: `${place.namespace}/${place.name}`,
      reason: error.message,
    });
  }
}

async function publish(context: ServerContext, { clientCa, frontProxy }: Known): Promise<void> {
  const definition = context.registry.ofResource('', 'configmaps');
  if (!definition) return;
  const data = { 'client-ca-file': clientCa, ...frontProxy?.published() };
  const current = await context.storage(definition).find(place.namespace, place.name);
  // Another server of the same store may say more than this one: what it says stays.
  const wanted = { ...current?.object['data'], ...data };
  if (current && semanticEqual(current.object['data'], wanted)) return;
  if (current) {
    await changeOwn(context, {
      definition,
      ...place,
      subresource: '',
      endpoint: 'main',
      change: (object) => ({ ...object, data: wanted }),
    });
    return;
  }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...place }, data } as unknown as AnyObject;
  await createOwn(context, { definition, object });
}

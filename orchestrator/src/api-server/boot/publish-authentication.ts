import type { FrontProxy } from '../authentication/front-proxy.ts';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import { changeOwn } from './change-own.ts';
import { createOwn } from './create-own.ts';

const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/** Tells servers behind this one how its users are known (controlplane controller/clusterauthenticationtrust). */
export async function publishAuthentication(
  context: ServerContext,
  { clientCa, frontProxy }: { readonly clientCa: string; readonly frontProxy: FrontProxy | undefined },
): Promise<void> {
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

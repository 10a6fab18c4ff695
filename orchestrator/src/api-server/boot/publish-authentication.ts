import type { X509Certificate } from 'node:crypto';
import { isReason } from '@berth/kube';
import { certificatesOf } from '../authentication/certificate-roots.ts';
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
  const wanted = combined(current?.object['data'] ?? {}, data, context.clock.now());
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

type Data = Readonly<Record<string, string>>;

/** Another server of the same store may say something else, or more: what either says holds. */
function combined(before: Data, own: Data, now: number): Data {
  const both = Object.entries(own).map(([key, value]) => {
    const combine = key.endsWith('-ca-file') ? certificates : names;
    return [key, combine(before[key] ?? '', value, now)];
  });
  return { ...before, ...Object.fromEntries(both) };
}

/** What is over, and what cannot be read, is left out of what others said. */
function certificates(before: string, own: string, now: number): string {
  const others = certificatesIn(before).filter(({ validToDate }) => validToDate.getTime() > now);
  const mine = certificatesIn(own);
  const theirs = others.filter((one) => mine.every(({ fingerprint256 }) => fingerprint256 !== one.fingerprint256));
  return theirs.length === 0 ? own : [...theirs, ...mine].map((one) => one.toString()).join('');
}

function certificatesIn(pem: string): X509Certificate[] {
  try {
    return certificatesOf(pem);
  } catch {
    return [];
  }
}

function names(before: string, own: string): string {
  return JSON.stringify([...new Set([...namesIn(before), ...namesIn(own)])]);
}

function namesIn(json: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

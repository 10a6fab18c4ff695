import { type Clock, type Rng, randomSuffix } from '@berth/kit';
import type { Container, PodSpec, Volume } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { forbidden } from '../resource-errors.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import { type AdmissionLookup, unaskable } from './lookup.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The `default` account of a new namespace is made by a controller, which may be a moment behind (upstream's numbers). */
const defaultTries = 10;

/** Gives pods a service account, its token and its pull secrets (admission ServiceAccount). */
export function serviceAccount(lookup: AdmissionLookup, { clock, rng }: { clock: Clock; rng: Rng }): AdmissionPlugin {
  const findAccount = async (namespace: string, name: string): Promise<AnyObject | undefined> => {
    for (let tries = 1; ; tries++) {
      const found = await lookup.find('', 'serviceaccounts', namespace, name);
      if (found || name !== 'default' || tries >= defaultTries) return found;
      await clock.sleep(100 + rng.next() * 100);
    }
  };
  return async (request) => {
    if (request.operation !== 'create' || !isResource(request, '', 'pods')) return;
    const { object, definition, namespace, name } = request;
    if (object.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return checkMirror(request);
    const spec = object.spec as PodSpec & { serviceAccount?: string };
    const account = spec.serviceAccountName || spec.serviceAccount || 'default';
    spec.serviceAccountName = account;
    spec.serviceAccount = account;
    const found = await findAccount(namespace, account);
    if (!found) {
      const why = unaskable(account) ?? `serviceaccount ${JSON.stringify(account)} not found`;
      throw forbidden(definition, name, `error looking up service account ${namespace}/${account}: ${why}`);
    }
    if (wantsToken(spec, found)) mountToken(spec, rng);
    const secrets = found['imagePullSecrets'] as PodSpec['imagePullSecrets'];
    if (!spec.imagePullSecrets?.length && secrets?.length) spec.imagePullSecrets = structuredClone(secrets);
  };
}

/** Pods that mirror what a kubelet runs by itself have no identity. */
function checkMirror({ object, definition, name }: AdmissionRequest): void {
  if (object.spec?.serviceAccountName)
    throw forbidden(definition, name, 'a mirror pod may not reference service accounts');
}

function wantsToken(spec: PodSpec, account: AnyObject): boolean {
  return spec.automountServiceAccountToken ?? (account['automountServiceAccountToken'] as boolean | undefined) ?? true;
}

function mountToken(spec: PodSpec, rng: Rng): void {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const missing = containers.filter((container) => !hasToken(container));
  if (missing.length === 0) return;
  const volume = tokenVolume(`kube-api-access-${randomSuffix(rng)}`);
  for (const container of missing)
    container.volumeMounts = [...(container.volumeMounts ?? []), { name: volume.name, readOnly: true, mountPath }];
  spec.volumes = [...(spec.volumes ?? []), volume];
}

function hasToken(container: Container): boolean {
  return container.volumeMounts?.some((mount) => mount.mountPath === mountPath) ?? false;
}

/** An hour and seven seconds is upstream's lifetime: it tells tokens of old clients, which are extended, from others. */
function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

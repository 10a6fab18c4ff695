import { type Clock, type Rng, randomSuffix } from '@berth/kit';
import { apiError, type Container, type PodSpec, type Volume } from '@berth/kube';
import { secretNames } from '../authorization/node/pod-references.ts';
import type { AnyObject } from '../resource-definition.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import { type AdmissionLookup, unaskable } from './lookup.ts';
import { ephemeralSecretProblem, secretProblem } from './mountable-secrets.ts';
import { refused } from './refused.ts';

const prefix = 'kube-api-access-';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The `default` account of a new namespace is made by a controller, which may be a moment behind (upstream's numbers). */
const defaultTries = 10;

/** Gives pods a service account, its token and its pull secrets, and keeps them to its secrets where it says so (admission ServiceAccount). */
export function serviceAccount(
  lookup: AdmissionLookup,
  { clock, rng }: { clock: Clock; rng: Rng },
): Record<'mutate' | 'validate', AdmissionPlugin> {
  const findAccount = async (namespace: string, name: string): Promise<AnyObject | undefined> => {
    for (let tries = 1; ; tries++) {
      const found = await lookup.find('', 'serviceaccounts', namespace, name);
      if (found || name !== 'default' || tries >= defaultTries) return found;
      await clock.sleep(100 + rng.next() * 100);
    }
  };
  const accountOf = async (request: AdmissionRequest): Promise<AnyObject> => {
    const { object, namespace, name } = request;
    const account = (object['spec'] as PodSpec | undefined)?.serviceAccountName;
    if (!account) throw refused(request, `no service account specified for pod ${namespace}/${name}`);
    const found = await findAccount(namespace, account);
    if (found) return found;
    const why = unaskable(account) ?? `serviceaccount ${JSON.stringify(account)} not found`;
    throw refused(request, `error looking up service account ${namespace}/${account}: ${why}`);
  };
  const refuseSecrets = (request: AdmissionRequest, account: AnyObject) => {
    const problem = secretProblem(request.object['spec'] as PodSpec, account);
    if (problem !== undefined) throw refused(request, problem);
  };
  return {
    mutate: async (request) => {
      if (request.operation !== 'create' || !isResource(request, '', 'pods')) return;
      const { object } = request;
      if (isMirror(object)) return checkMirror(request);
      const spec = object['spec'] as PodSpec & { serviceAccount?: string };
      const account = spec.serviceAccountName || spec.serviceAccount || 'default';
      spec.serviceAccountName = account;
      spec.serviceAccount = account;
      const found = await accountOf(request);
      if (wantsToken(spec, found)) mountToken(spec, rng);
      const secrets = found['imagePullSecrets'] as PodSpec['imagePullSecrets'];
      if (!spec.imagePullSecrets?.length && secrets?.length) spec.imagePullSecrets = structuredClone(secrets);
      refuseSecrets(request, found);
    },
    // Webhooks may have changed the pod.
    validate: async (request) => {
      const { definition, operation, subresource, object } = request;
      if (definition.group !== '' || definition.plural !== 'pods') return;
      if (operation === 'create' && subresource === '') {
        if (isMirror(object)) return checkMirror(request);
        return refuseSecrets(request, await accountOf(request));
      }
      if (operation !== 'update' || subresource !== 'ephemeralcontainers') return;
      const problem = ephemeralSecretProblem(object['spec'] as PodSpec, await accountOf(request));
      // Upstream does not say that it is forbidden.
      if (problem !== undefined) throw apiError('Unknown', problem, { code: 500 });
    },
  };
}

function isMirror({ metadata }: AnyObject): boolean {
  return metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

/** Pods that mirror what a kubelet runs by itself have no identity, and nothing that is for one. */
function checkMirror(request: AdmissionRequest): void {
  const spec = (request.object['spec'] ?? {}) as PodSpec;
  const refuse = (why: string) => refused(request, why);
  if (spec.serviceAccountName) throw refuse('a mirror pod may not reference service accounts');
  if (secretNames(spec as object).length > 0) throw refuse('a mirror pod may not reference secrets');
  if (spec.volumes?.some(({ projected }) => projected?.sources?.some((source) => source.serviceAccountToken)))
    throw refuse('a mirror pod may not use ServiceAccountToken volume projections');
}

function wantsToken(spec: PodSpec, account: AnyObject): boolean {
  return spec.automountServiceAccountToken ?? (account['automountServiceAccountToken'] as boolean | undefined) ?? true;
}

function mountToken(spec: PodSpec, rng: Rng): void {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const missing = containers.filter((container) => !hasToken(container));
  if (missing.length === 0) return;
  // What a webhook adds shares the volume that is there.
  const known = spec.volumes?.find(({ name }) => name.startsWith(prefix));
  const volume = known ?? tokenVolume(`${prefix}${randomSuffix(rng)}`);
  for (const container of missing)
    container.volumeMounts = [...(container.volumeMounts ?? []), { name: volume.name, readOnly: true, mountPath }];
  if (!known) spec.volumes = [...(spec.volumes ?? []), volume];
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

import type { Container, EphemeralContainer, PodSpec } from '@berth/kube';
import { boolOf } from '../go-bool.ts';
import type { AnyObject } from '../resource-definition.ts';

const annotation = 'kubernetes.io/enforce-mountable-secrets';

/** The secret of a pod that its account does not name, though the account says that pods may have those alone (admission ServiceAccount limitSecretReferences). */
export function secretProblem(spec: PodSpec, account: AnyObject): string | undefined {
  if (!isLimited(account)) return undefined;
  const mountable = namesOf(account['secrets']);
  const unknown = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec.volumes ?? [])
    if (secret && !mountable.has(secret.secretName ?? ''))
      return `volume with secret.secretName="${secret.secretName ?? ''}" ${unknown} secret`;
  const ofContainers =
    containersProblem(spec.initContainers, 'init container', mountable) ??
    containersProblem(spec.containers, 'container', mountable);
  if (ofContainers !== undefined) return `${ofContainers} ${unknown} secret`;
  const pull = namesOf(account['imagePullSecrets']);
  const i = (spec.imagePullSecrets ?? []).findIndex(({ name = '' }) => !pull.has(name));
  return i < 0
    ? undefined
    : `imagePullSecrets[${i}].name="${spec.imagePullSecrets?.[i]?.name ?? ''}" ${unknown} imagePullSecret`;
}

/** The same of containers that are added to debug it. */
export function ephemeralSecretProblem(spec: PodSpec, account: AnyObject): string | undefined {
  if (!isLimited(account)) return undefined;
  const problem = containersProblem(spec.ephemeralContainers, 'ephemeral container', namesOf(account['secrets']));
  const unknown = `is not allowed because service account ${account.metadata.name} does not reference that secret`;
  return problem === undefined ? undefined : `${problem} ${unknown}`;
}

function isLimited({ metadata }: AnyObject): boolean {
  return boolOf(metadata.annotations?.[annotation]) === true;
}

function namesOf(references: readonly { readonly name?: string }[] | undefined): ReadonlySet<string> {
  return new Set((references ?? []).map(({ name = '' }) => name));
}

function containersProblem(
  containers: readonly (Container | EphemeralContainer)[] = [],
  sort: string,
  mountable: ReadonlySet<string>,
): string | undefined {
  for (const { name, env = [], envFrom = [] } of containers) {
    for (const { name: variable, valueFrom } of env) {
      const secret = valueFrom?.secretKeyRef;
      if (secret && !mountable.has(secret.name ?? ''))
        return `${sort} ${name} with envVar ${variable} referencing secret.secretName="${secret.name ?? ''}"`;
    }
    for (const { secretRef } of envFrom)
      if (secretRef && !mountable.has(secretRef.name ?? ''))
        return `${sort} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}"`;
  }
  return undefined;
}

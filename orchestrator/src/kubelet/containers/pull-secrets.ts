import type { Container, KubeClient, Pod, Secret } from '@berth/kube';
import { isNotFound, resources } from '@berth/kube';
import type { cri } from '@berth/protos';
import { credentialsFor, type DockerAuth } from './docker-credentials.ts';
import { canonicalReference } from './image-reference.ts';

/** The credentials a pod's imagePullSecrets hold for a container's registry. Missing secrets are passed over, as kubelet does. */
export async function pullCredentials(
  client: KubeClient,
  pod: Pod,
  container: Container,
  signal: AbortSignal,
): Promise<cri.AuthConfig[]> {
  const image = canonicalReference(container.image ?? '');
  const found: cri.AuthConfig[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue;
    const ref = { namespace: pod.metadata.namespace, name };
    const secret = await client.get<Secret>(resources.secrets, ref, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    for (const { server, ...credentials } of credentialsFor(authsOf(secret), image))
      found.push({ ...credentials, auth: '', serverAddress: server, registryToken: '' });
  }
  return found;
}

function authsOf(secret: Secret | undefined): Record<string, DockerAuth> {
  const modern = secret?.data?.['.dockerconfigjson'];
  const legacy = secret?.data?.['.dockercfg'];
  try {
    if (modern) return asObject(JSON.parse(Buffer.from(modern, 'base64').toString()).auths);
    if (legacy) return asObject(JSON.parse(Buffer.from(legacy, 'base64').toString()));
  } catch {
    // A secret that is no docker config has no credentials.
  }
  return {};
}

function asObject(value: unknown): Record<string, DockerAuth> {
  return typeof value === 'object' && value !== null ? (value as Record<string, DockerAuth>) : {};
}

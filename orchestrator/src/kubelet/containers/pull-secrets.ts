import type { Container, KubeClient, Pod, Secret } from '@berth/kube';
import { isNotFound, resources } from '@berth/kube';
import type { cri } from '@berth/protos';

interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
}

/** The credentials a pod's imagePullSecrets hold for a container's registry. Missing secrets are passed over, as kubelet does. */
export async function pullCredentials(
  client: KubeClient,
  pod: Pod,
  container: Container,
  signal: AbortSignal,
): Promise<cri.AuthConfig[]> {
  const registry = registryOf(container.image ?? '');
  const found: cri.AuthConfig[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue;
    const ref = { namespace: pod.metadata.namespace, name };
    const secret = await client.get<Secret>(resources.secrets, ref, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    for (const [server, auth] of Object.entries(authsOf(secret))) {
      if (matches(server, registry)) found.push(asAuthConfig(server, auth));
    }
  }
  return found;
}

function authsOf(secret: Secret | undefined): Record<string, DockerAuth> {
  const modern = secret?.data?.['.dockerconfigjson'];
  const legacy = secret?.data?.['.dockercfg'];
  try {
    if (modern) return JSON.parse(Buffer.from(modern, 'base64').toString()).auths ?? {};
    if (legacy) return JSON.parse(Buffer.from(legacy, 'base64').toString());
  } catch {
    // A secret that is no docker config has no credentials.
  }
  return {};
}

function registryOf(image: string): string {
  const [first = ''] = image.split('/');
  return image.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

function matches(server: string, registry: string): boolean {
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return host === registry || (registry === 'docker.io' && /(^|\.)docker\.io$/.test(host));
}

function asAuthConfig(serverAddress: string, auth: DockerAuth): cri.AuthConfig {
  const [user = '', ...rest] = auth.auth ? Buffer.from(auth.auth, 'base64').toString().split(':') : [];
  return {
    username: auth.username ?? user,
    password: auth.password ?? rest.join(':'),
    auth: auth.auth ?? '',
    serverAddress,
    identityToken: auth.identitytoken ?? '',
    registryToken: '',
  };
}

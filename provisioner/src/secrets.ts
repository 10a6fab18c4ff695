import { messageOf } from '@berth/kit';
import { type KubeClient, resources, type SecretReference } from '@berth/kube';

/** The secret's data for a CSI call; nothing for no reference. Never logged. @throws Error – there is no such secret. */
export async function readSecrets(
  client: KubeClient,
  ref: SecretReference | undefined,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { namespace, name } = ref ?? {};
  if (!name || !namespace) return {};
  try {
    const secret = await client.get(resources.secrets, { namespace, name }, signal);
    const entries = Object.entries(secret.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`error getting secret ${name} in namespace ${namespace}: ${messageOf(error)}`, { cause: error });
  }
}

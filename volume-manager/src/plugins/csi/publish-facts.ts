import { messageOf } from '@berth/kit';
import { type CSIDriver, resources, type Secret, type StorageV1TokenRequest } from '@berth/kube';
import { VolumeError } from '../../executor/volume-error.ts';
import { attachmentName } from '../../kubelet-dir/attachment-name.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import type { CsiContext } from './csi-context.ts';

const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/**
 * What ControllerPublishVolume answered, kept in the VolumeAttachment; empty for a driver that does not attach.
 * @throws VolumeError Transient – the attachment is not there yet.
 */
export function publishContext(context: CsiContext, spec: VolumeSpec): Record<string, string> {
  const source = spec.pv?.spec?.csi;
  if (!spec.attachable || !source) return {};
  const name = attachmentName(source.volumeHandle, source.driver, context.nodeName);
  const attachment = context.attachment(name);
  if (!attachment) throw new VolumeError('Transient', `volumeattachments.storage.k8s.io "${name}" not found`);
  return { ...attachment.status?.attachmentMetadata };
}

export interface SecretRef {
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * The values of the secret that a volume names for one call, as text; none where it names none.
 * @throws VolumeError Transient – it cannot be read; nothing was tried.
 */
export async function readSecret(
  context: CsiContext,
  { ref, use }: { ref: SecretRef | undefined; use: 'NodeStageSecretRef' | 'NodePublishSecretRef' },
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (!ref) return {};
  const { namespace = '', name = '' } = ref;
  try {
    const secret: Secret = await context.client.get(resources.secrets, { namespace, name }, signal);
    const entries = Object.entries(secret.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
  } catch (error) {
    const words = `failed to find the secret ${name} in the namespace ${namespace} with error: ${messageOf(error)}`;
    throw new VolumeError('Transient', `fetching ${use} ${namespace}/${name} failed: ${words}`, { cause: error });
  }
}

/** `podInfoOnMount`: who is getting the volume (upstream csi_util.go getPodInfoAttrs). */
export function podInfo(driver: CSIDriver | undefined, spec: VolumeSpec): Record<string, string> {
  if (driver?.spec?.podInfoOnMount !== true) return {};
  const { pod } = spec;
  return {
    'csi.storage.k8s.io/pod.name': pod.metadata.name ?? '',
    'csi.storage.k8s.io/pod.namespace': pod.metadata.namespace ?? '',
    'csi.storage.k8s.io/pod.uid': spec.podUid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec?.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(spec.pv === undefined),
  };
}

/** Tokens the driver asked for, by audience: among the secrets where it says so (CVE-2024-3744), else in the volume context. */
export async function serviceAccountTokens(
  context: CsiContext,
  { driver, spec }: { driver: CSIDriver | undefined; spec: VolumeSpec },
  signal: AbortSignal,
): Promise<{ readonly attributes: Record<string, string>; readonly secrets: Record<string, string> }> {
  const requests = driver?.spec?.tokenRequests ?? [];
  if (requests.length === 0) return { attributes: {}, secrets: {} };
  const tokens: Record<string, unknown> = {};
  for (const request of requests) tokens[request.audience] = await requestToken(context, { request, spec }, signal);
  const entry = { [tokensKey]: JSON.stringify(tokens) };
  return driver?.spec?.serviceAccountTokenInSecrets === true
    ? { attributes: {}, secrets: entry }
    : { attributes: entry, secrets: {} };
}

async function requestToken(
  { tokens }: CsiContext,
  { request, spec }: { request: StorageV1TokenRequest; spec: VolumeSpec },
  signal: AbortSignal,
): Promise<{ token: string; expirationTimestamp: string }> {
  const { token, expirationTimestamp } = await tokens.get(
    {
      pod: spec.pod,
      audiences: request.audience === '' ? [] : [request.audience],
      ...(request.expirationSeconds === undefined ? {} : { expirationSeconds: request.expirationSeconds }),
    },
    signal,
  );
  return { token, expirationTimestamp };
}

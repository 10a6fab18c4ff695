import { X509Certificate } from 'node:crypto';
import { rfc3339 } from '@berth/kit';
import { type CertificateSigningRequest, isNotFound, type KubeClient, resources } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { approveKubelet } from './approve-kubelet.ts';
import type { SigningAuthority } from './sign-request.ts';
import { isOurSigner } from './signers.ts';

export interface CertificateControllerOptions {
  /** Read when something is to be signed. */
  readonly authority: () => Promise<SigningAuthority>;
}

const hourMs = 3_600_000;
/** What was answered is kept that long, and what nobody answered. */
const [answeredMs, openMs] = [hourMs, 24 * hourMs];
/** How soon it is asked again whether somebody may have what they asked for. */
const askAgainMs = 60_000;

/**
 * Approves what kubelets may have, signs what was approved for Kubernetes' own signers, and removes old requests
 * (kube-controller-manager certificatesigningrequest-approving, -signing and -cleaner controllers).
 */
export function startCertificateController(
  deps: ControllerDeps,
  options: CertificateControllerOptions,
  signal: AbortSignal,
): AsyncDisposable {
  const requests = deps.informers.of(resources.certificatesigningrequests);
  const { client, clock } = deps;
  const reconcile = async (name: string) => {
    const request = requests.get(name);
    if (!request || request.metadata.deletionTimestamp) return undefined;
    const afterMs = removableAt(request) - clock.now();
    if (afterMs <= 0) return remove(client, name, signal);
    const isDecided = await approveKubelet(client, request, signal);
    await sign(deps, request, { ...options, signal });
    return { afterMs: Math.min(afterMs, isDecided ? openMs : askAgainMs) };
  };
  const running = new RunningController(deps, { name: 'certificate', reconcile }, signal);
  requests.onChange((name, { after }) => after && running.queue.add(name));
  return running;
}

async function remove(client: KubeClient, name: string, signal: AbortSignal): Promise<undefined> {
  try {
    await client.delete(resources.certificatesigningrequests, { name }, {}, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function sign(
  { client, clock }: ControllerDeps,
  request: CertificateSigningRequest,
  { authority, signal }: CertificateControllerOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { spec, status = {} } = request;
  if (!isOurSigner(spec.signerName) || status.certificate || !has(request, 'Approved') || has(request, 'Failed'))
    return;
  const { signRequest } = await import('./sign-request.ts');
  const now = clock.now();
  const { signerName, usages = [], expirationSeconds } = spec;
  const result = await signRequest(Buffer.from(spec.request, 'base64').toString(), {
    authority: await authority(),
    signerName,
    usages,
    expirationSeconds,
    now,
  });
  const next =
    'certificate' in result
      ? { ...status, certificate: Buffer.from(result.certificate).toString('base64') }
      : { ...status, conditions: [...(status.conditions ?? []), failure(result.refused, now)] };
  await client.updateStatus(resources.certificatesigningrequests, { ...request, status: next }, signal);
}

function failure(message: string, now: number) {
  const lastUpdateTime = rfc3339(now);
  return { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message, lastUpdateTime };
}

function has({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}

/** When nobody needs a request any more. */
function removableAt({ metadata, status: { conditions = [], certificate } = {} }: CertificateSigningRequest): number {
  if (conditions.length === 0) return Date.parse(metadata.creationTimestamp as string) + openMs;
  const times = conditions.flatMap(({ type, lastUpdateTime }) => {
    const since = Date.parse(lastUpdateTime ?? '');
    if (type !== 'Approved' || certificate) return [since + answeredMs];
    return [since + openMs];
  });
  return Math.min(
    ...times.filter((time) => !Number.isNaN(time)),
    certificate ? endOf(certificate) : Number.POSITIVE_INFINITY,
  );
}

function endOf(certificate: string): number {
  try {
    return new X509Certificate(Buffer.from(certificate, 'base64')).validToDate.getTime();
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

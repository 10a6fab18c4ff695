import { type CertificateSigningRequest, type KubeClient, resources } from '@berth/kube';
import { recognize } from './signers.ts';

const kubeletSigner = 'kubernetes.io/kube-apiserver-client-kubelet';

/**
 * Approves a kubelet's certificate where who asks for it may have it: its own, or any node's (kube-controller-manager
 * certificatesigningrequest-approving controller). False: somebody may be given that right yet.
 */
export async function approveKubelet(
  client: KubeClient,
  request: CertificateSigningRequest,
  signal: AbortSignal,
): Promise<boolean> {
  const { spec, status = {} } = request;
  const { conditions = [] } = status;
  const isDecided = status.certificate || conditions.some(({ type }) => type === 'Approved' || type === 'Denied');
  if (spec.signerName !== kubeletSigner || isDecided) return true;
  const { readRequest } = await import('./sign-request.ts');
  const asked = readRequest(Buffer.from(spec.request, 'base64').toString());
  if (recognize(kubeletSigner, asked, spec.usages ?? []) !== undefined) return true;
  const ways = [
    ...(asked.commonName === spec.username ? [['selfnodeclient', 'self kubelet'] as const] : []),
    ['nodeclient', 'kubelet'] as const,
  ];
  for (const [subresource, whose] of ways) {
    if (!(await isAllowed(client, request, subresource, signal))) continue;
    const message = `Auto approving ${whose} client certificate after SubjectAccessReview.`;
    const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message } as const;
    const next = { ...request, status: { ...status, conditions: [...conditions, approved] } };
    await client.update(resources.certificatesigningrequests, next, { subresource: 'approval' }, signal);
    return true;
  }
  return false;
}

async function isAllowed(
  client: KubeClient,
  { spec: { username, uid, groups = [], extra = {} } }: CertificateSigningRequest,
  subresource: string,
  signal: AbortSignal,
): Promise<boolean> {
  const resourceAttributes = {
    group: 'certificates.k8s.io',
    resource: 'certificatesigningrequests',
    subresource,
    verb: 'create',
    version: '*',
  };
  const user = { user: username ?? '', ...(uid ? { uid } : {}), groups, extra };
  const review = await client.create(
    resources.subjectaccessreviews,
    { metadata: {}, spec: { ...user, resourceAttributes } } as never,
    {},
    signal,
  );
  return (review as { readonly status?: { readonly allowed?: boolean } }).status?.allowed === true;
}

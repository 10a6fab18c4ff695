import { apiError } from '@berth/kube';
import { commonNameOf } from '../certificates/request-subject.ts';
import type { NodeRequest } from './node-restriction.ts';

const nodeSigners = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']);

/** A node asks for certificates of its own name. */
export function restrictCertificateRequest(asked: NodeRequest): void {
  const { node, request, refused } = asked;
  const { operation, subresource, object } = request;
  if (operation !== 'create' || subresource !== '' || !nodeSigners.has(object.spec?.signerName)) return;
  if (subjectName(asked) !== `system:node:${node}`)
    throw refused(`can only create a node CSR with CN=system:node:${node}`);
}

function subjectName({ request, refused }: NodeRequest): string {
  try {
    return commonNameOf(Buffer.from(request.object.spec?.request ?? '', 'base64').toString());
  } catch (error) {
    throw error instanceof RangeError ? refused(`unable to parse csr: ${error.message}`) : error;
  }
}

/** A pod's certificate is asked for by the node it runs on, with everything about it as it is. */
export async function restrictPodCertificate(asked: NodeRequest): Promise<void> {
  const { node, request, refused } = asked;
  const { operation, subresource, object } = request;
  if (operation !== 'create') throw refused(`unexpected operation ${operation.toUpperCase()}`);
  if (subresource !== '') throw refused(`unexpected subresource ${subresource}`);
  const { nodeName = '' } = object.spec ?? {};
  if (nodeName !== node)
    throw refused(
      `PodCertificateRequest.Spec.NodeName=${JSON.stringify(nodeName)}, which is not the requesting node ${JSON.stringify(node)}`,
    );
  await checkNode(asked);
  await checkPod(asked);
}

async function checkNode({ request, lookup }: NodeRequest): Promise<void> {
  const { nodeName, nodeUID, podName } = request.object.spec ?? {};
  const found = await lookup.find('', 'nodes', '', nodeName);
  if (!found)
    throw retry(
      `while retrieving node ${JSON.stringify(nodeName)} named in the PodCertificateRequest: nodes ${JSON.stringify(nodeName)} not found`,
    );
  if (found.metadata.uid !== nodeUID)
    throw retry(
      `PodCertificateRequest for pod ${JSON.stringify(`${request.namespace}/${podName}`)} names node UID ${JSON.stringify(nodeUID)}, inconsistent with the running node (${JSON.stringify(found.metadata.uid)})`,
    );
}

async function checkPod({ request, lookup, refused }: NodeRequest): Promise<void> {
  const { namespace } = request;
  const { nodeName, podName, podUID, serviceAccountName, serviceAccountUID } = request.object.spec ?? {};
  const quoted = JSON.stringify(`${namespace}/${podName}`);
  const pod = await lookup.find('', 'pods', namespace, podName);
  if (!pod)
    throw retry(
      `while retrieving pod ${quoted} named in the PodCertificateRequest: pods ${JSON.stringify(podName)} not found`,
    );
  if (pod.metadata.uid !== podUID)
    throw retry(
      `PodCertificateRequest for pod ${quoted} contains pod UID (${JSON.stringify(podUID)}) which differs from running pod ${JSON.stringify(pod.metadata.uid)}`,
    );
  if (pod.spec?.nodeName !== nodeName)
    throw refused(
      `pod ${quoted} is not running on node ${JSON.stringify(nodeName)} named in the PodCertificateRequest`,
    );
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined)
    throw refused(`pod ${quoted} is a mirror pod`);
  if (pod.spec?.serviceAccountName !== serviceAccountName)
    throw refused(
      `PodCertificateRequest for pod ${quoted} contains serviceAccountName (${JSON.stringify(serviceAccountName)}) that differs from running pod (${JSON.stringify(pod.spec?.serviceAccountName)})`,
    );
  const account = await lookup.find('', 'serviceaccounts', namespace, serviceAccountName);
  if (account?.metadata.uid !== serviceAccountUID)
    throw retry(
      `PodCertificateRequest for pod ${quoted} names service account UID ${JSON.stringify(serviceAccountUID)}, which differs from the running service account (${JSON.stringify(account?.metadata.uid ?? '')})`,
    );
}

/** What may be right a little later is no refusal. */
function retry(message: string) {
  return apiError('Unknown', message, { code: 500 });
}

import type { KubeClient } from '@berth/kube';
import type { KubeletUser } from '../kubelet/server/kubelet-server.ts';

interface Review {
  readonly status?: { readonly allowed?: boolean };
}

const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** Asks the API server who may use a node's kubelet, as kubelet's --authorization-mode=Webhook does. */
export function kubeletAccess(client: KubeClient, nodeName: string) {
  const may = async ({ name: user, groups }: KubeletUser, verb: string, subresource: string): Promise<boolean> => {
    const resourceAttributes = { verb, resource: 'nodes', subresource, name: nodeName, version: 'v1' };
    const spec = { user, groups: [...groups, 'system:authenticated'], resourceAttributes };
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
    const { status } = await client.raw<Review>({ method: 'POST', path: reviews, body });
    return status?.allowed === true;
  };
  return async (user: KubeletUser, verb: string, subresources: readonly string[]): Promise<boolean> => {
    for (const each of subresources) if (await may(user, verb, each)) return true;
    return false;
  };
}

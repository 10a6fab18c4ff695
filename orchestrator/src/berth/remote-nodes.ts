import type { KubeClient } from '@berth/kube';
import type { RemoteNodeApi } from '../node-api.ts';
import type { Pki } from './pki.ts';

/** Kubelets of other processes, by the addresses their nodes tell. What talks to them is loaded when one is first asked. */
export function remoteNodes({ ca, admin }: Pki, client: () => KubeClient): (nodeName: string) => RemoteNodeApi {
  const kubelet = async (nodeName: string) => {
    const { RemoteKubelet } = await import('../api-server/kubelet-client/remote-kubelet.ts');
    return new RemoteKubelet({ nodeName, client: client(), ca, ...admin });
  };
  return (nodeName) => ({
    logs: async (...args) => (await kubelet(nodeName)).logs(...args),
    page: async (...args) => (await kubelet(nodeName)).page(...args),
    passOn: async (...args) => (await kubelet(nodeName)).passOn(...args),
  });
}

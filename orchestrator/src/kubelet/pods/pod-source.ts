import { type Informers, type Pod, resources } from '@berth/kube';
import { uidOf } from './pod-facts.ts';

/** Where a kubelet learns which pods are its own. */
export interface PodSource {
  /** Resolves when every pod there is was delivered once: before, a missing pod may only be late. */
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** Called for every pod of the node as added first, then on every change; `pod` undefined once the API has it no more. */
  onChange(handler: (uid: string, pod: Pod | undefined) => void): Disposable;
  get(uid: string): Pod | undefined;
  list(): readonly Pod[];
}

/** The pods the API has bound to a node: from an informer of all pods, shared by a process, or of its own ones only. */
export function informerPodSource(informers: Informers, nodeName: string, ownOnly = false): PodSource {
  const scope = ownOnly ? { fieldSelector: `spec.nodeName=${nodeName}` } : {};
  const informer = informers.of<Pod>(resources.pods, scope);
  informer.addIndex('nodeName', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  informer.addIndex('uid', (pod) => [uidOf(pod)]);
  const ours = (pod: Pod | undefined) => (pod?.spec?.nodeName === nodeName ? pod : undefined);
  return {
    whenSynced: (signal) => informer.whenSynced(signal),
    list: () => informer.byIndex('nodeName', nodeName),
    get: (uid) => ours(informer.byIndex('uid', uid)[0]),
    onChange: (handler) =>
      informer.onChange((_key, { before, after }) => {
        const old = ours(before);
        const now = ours(after);
        // A name may be taken by another pod between two looks of the informer.
        if (old && (!now || uidOf(now) !== uidOf(old))) handler(uidOf(old), undefined);
        if (now) handler(uidOf(now), now);
      }),
  };
}

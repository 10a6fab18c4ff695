import type { Node } from '@berth/kube';
import { type AdmissionPlugin, isResource } from './admission.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node gets no pods before a controller has seen it ready (admission TaintNodesByCondition). */
export const taintNewNodes: AdmissionPlugin = (request) => {
  if (request.operation !== 'create' || !isResource(request, '', 'nodes')) return;
  const node = request.object as Node;
  const taints = node.spec?.taints ?? [];
  if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
  node.spec = { ...node.spec, taints: [...taints, { ...notReady }] };
};

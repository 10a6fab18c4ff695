import { apiError, type Node, type Pod, Quantity } from '@berth/kube';
import { podTotals } from '../../quota/pod-totals.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';
import { refused } from './refused.ts';

const measures = [
  ['cpu', (amount: Quantity) => amount.milliValue()],
  ['memory', (amount: Quantity) => amount.value()],
] as const;

/** A pod is not resized to more than its node has (admission PodResizeValidator). */
export function podResizeValidator(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const { definition, subresource, old } = request;
    if (subresource !== 'resize' || definition.plural !== 'pods' || definition.group !== '') return;
    const pod = request.object as Pod;
    const { nodeName } = pod.spec ?? {};
    if (!nodeName || semanticEqual(pod.spec, (old as Pod).spec)) return;
    const node = (await lookup.find('', 'nodes', '', nodeName)) as Node | undefined;
    if (!node) throw refused(request, `node ${JSON.stringify(nodeName)} not found`);
    const system = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
    if (system !== 'linux') {
      const why = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(system)}`;
      throw refusedFor(request, 'UnsupportedPlatform', why);
    }
    const requests = podTotals(pod, 'requests');
    const lacking = measures.flatMap(([name, inUnits]) => {
      const [wanted, has] = [
        requests.get(name) ?? Quantity.zero,
        Quantity.parse(node.status?.allocatable?.[name] ?? '0'),
      ];
      if (wanted.compare(has) <= 0) return [];
      return [`${name}, requested: ${inUnits(wanted)}, allocatable: ${inUnits(has)}`];
    });
    if (lacking.length === 0) return;
    const why = `node didn't have enough allocatable resources: ${lacking.join('; ')}`;
    throw refusedFor(request, 'NodeCapacity', why);
  };
}

function refusedFor(request: AdmissionRequest, reason: string, why: string) {
  const { message, details } = refused(request, why).status;
  return apiError('Forbidden', message ?? '', { details: { ...details, causes: [{ reason }] } });
}

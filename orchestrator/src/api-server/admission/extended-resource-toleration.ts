import type { PodSpec, Toleration } from '@berth/kube';
import { type AdmissionPlugin, isResource } from './admission.ts';

/** Who asks for a special device may run where it is kept free for such pods (admission ExtendedResourceToleration). */
export const extendedResourceToleration: AdmissionPlugin = (request) => {
  if (request.operation === 'delete' || !isResource(request, '', 'pods') || !request.object.spec) return;
  const spec = request.object.spec as PodSpec;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const names = containers.flatMap(({ resources }) => Object.keys(resources?.requests ?? {})).filter(isExtended);
  for (const key of [...new Set(names)].sort()) {
    const added: Toleration = { key, operator: 'Exists', effect: 'NoSchedule' };
    const same = (one: Toleration) =>
      one.key === key && one.operator === 'Exists' && one.effect === 'NoSchedule' && !one.value;
    const list = spec.tolerations ?? [];
    spec.tolerations = list.some(same) ? list : [...list, added];
  }
};

/** A resource of nobody's own domain is the machine's (helper.IsExtendedResourceName). */
function isExtended(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}

import type { Pod } from '@berth/kube';
import { forbidden } from '../resource-errors.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';

const hostname = 'kubernetes.io/hostname';

/** No pod keeps others away from more than a node (admission LimitPodHardAntiAffinityTopology). */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = (request) => {
  const { operation, definition, object } = request;
  if ((operation !== 'create' && operation !== 'update') || !isResource(request, '', 'pods')) return;
  const { podAntiAffinity } = (object as Pod).spec?.affinity ?? {};
  const term = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.find(
    ({ topologyKey }) => topologyKey !== hostname,
  );
  if (!term) return;
  const why = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${term.topologyKey} but only key ${hostname} is allowed`;
  throw forbidden(definition, object.metadata.name ?? '', why);
};

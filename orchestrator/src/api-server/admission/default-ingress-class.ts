import type { Ingress } from '@berth/kube';
import { type AdmissionPlugin, isResource } from './admission.ts';
import { newestFirst } from './default-storage-class.ts';
import type { AdmissionLookup } from './lookup.ts';

/** An Ingress that names no class gets the default one; of several the newest (admission DefaultIngressClass). */
export function defaultIngressClass(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    if (request.operation !== 'create' || !isResource(request, 'networking.k8s.io', 'ingresses')) return;
    const ingress = request.object as Ingress;
    const { annotations } = ingress.metadata;
    const { ingressClassName } = ingress.spec ?? {};
    if (ingressClassName !== undefined && ingressClassName !== null) return;
    if (annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
    const classes = await lookup.list('networking.k8s.io', 'ingressclasses');
    const chosen = classes
      .filter(({ metadata }) => metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true')
      .toSorted(newestFirst)[0];
    if (chosen) ingress.spec = { ...ingress.spec, ingressClassName: chosen.metadata.name as string };
  };
}

import { type Container, type Pod, Quantity } from '@berth/kube';

import { containersOf, initContainersOf } from '../pods/pod-facts.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/** A pod's quality-of-service class by its cpu and memory requests and limits (component-helpers qos.GetPodQOS). */
export function qosClassOf(pod: Pod): QosClass {
  const known = pod.status?.qosClass;
  if (known === 'Guaranteed' || known === 'Burstable' || known === 'BestEffort') return known;
  const holders = pod.spec?.resources
    ? [{ resources: pod.spec.resources }]
    : [...containersOf(pod), ...initContainersOf(pod)];
  const any = holders.some(({ resources }) =>
    counted.some((name) => isSet(resources?.requests?.[name]) || isSet(resources?.limits?.[name])),
  );
  if (!any) return 'BestEffort';
  return holders.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function isSet(quantity: string | undefined): boolean {
  return quantity !== undefined && !Quantity.parse(quantity).isZero;
}

function isGuaranteed({ resources }: Pick<Container, 'resources'>): boolean {
  return counted.every((name) => {
    const limit = resources?.limits?.[name];
    const request = resources?.requests?.[name] ?? limit;
    return (
      limit !== undefined &&
      request !== undefined &&
      isSet(limit) &&
      Quantity.parse(limit).equals(Quantity.parse(request))
    );
  });
}

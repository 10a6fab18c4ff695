import { type PodSpec, withSentEmpty } from '@berth/kube';
import { type Amounts, amountsOf, listOf } from '../../../../quota/amounts.ts';
import { containerTotals, isPodLevelResource } from '../../../../quota/pod-totals.ts';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid } from '../../field.ts';
import { isHugePages, isNativeResource, validatePodResourceName, validateResources } from './resource-requirements.ts';

/** What a pod as a whole is limited to and asks for, where it says a part of it (KEP-2837; defaultHugePagePodLimits, defaultPodRequests). */
export function defaultPodResources(spec: PodSpec): void {
  const { resources } = spec;
  if (!resources) return;
  const isSaid = (list: object = {}) => Object.keys(list).length > 0;
  if (isSaid(resources.limits) || isSaid(resources.requests)) {
    const limits = missing(
      containerTotals(spec, 'limits'),
      { ...resources.limits, ...resources.requests },
      isHugePages,
    );
    if (isSaid(limits)) resources.limits = { ...resources.limits, ...limits };
  }
  if (!resources.limits || !isSaid(resources.limits)) return;
  const said = resources.requests ?? {};
  const asked = { ...said, ...missing(containerTotals(spec, 'requests'), said, mayOvercommit) };
  const requests = { ...asked, ...missing(amountsOf(resources.limits), asked, isPodLevelResource) };
  if (isSaid(requests)) resources.requests = requests;
}

function missing(from: Amounts, said: object, counts: (name: string) => boolean): Record<string, string> {
  return listOf(new Map([...from].filter(([name]) => !(name in said) && counts(name))));
}

const mayOvercommit = (name: string): boolean =>
  isPodLevelResource(name) && !isHugePages(name) && isNativeResource(name);

/** @see validatePodResources of Kubernetes. */
export function validatePodResources(spec: PodSpec, field: string, claimNames: ReadonlySet<string>): FieldError[] {
  const { resources, os } = spec;
  if (!resources) return [];
  if (os?.name === 'windows') return [forbidden(field, 'may not be set for a windows pod')];
  return [
    ...(withSentEmpty(resources, 'claims')
      ? [forbidden(`${field}.claims`, 'claims may not be set for Resources at pod-level')]
      : []),
    ...validateResources(resources, field, { claimNames, checkName: validatePodResourceName }),
    ...belowContainers(containerTotals(spec, 'requests'), resources.requests, `${field}.requests`, 'requests'),
    ...belowContainers(
      new Map([...containerTotals(spec, 'limits')].filter(([name]) => isHugePages(name))),
      resources.limits,
      `${field}.limits`,
      'limits',
    ),
    ...aboveLimits(spec, field),
  ];
}

/** A pod can't ask for less than its containers do. */
function belowContainers(
  totals: Amounts,
  list: Readonly<Record<string, string>> | undefined,
  field: string,
  kind: string,
): FieldError[] {
  const own = amountsOf(list);
  return [...totals].flatMap(([name, total]) => {
    const amount = own.get(name);
    if (!amount || total.compare(amount) <= 0) return [];
    const text = `must be greater than or equal to aggregate container ${kind} of ${total}`;
    return [invalid(`${field}[${name}]`, amount.toString(), text)];
  });
}

/** No container may have more than its pod. */
function aboveLimits({ resources, containers = [] }: PodSpec, field: string): FieldError[] {
  const own = amountsOf(resources?.limits);
  return containers.flatMap((container, index) =>
    [...amountsOf(container.resources?.limits)].flatMap(([name, amount]) => {
      const limit = own.get(name);
      if (!limit || amount.compare(limit) <= 0) return [];
      const text = `must be less than or equal to pod limits of ${limit}`;
      return [invalid(`${field}.containers[${index}][${name}].limits`, amount.toString(), text)];
    }),
  );
}

import { type Container, type LimitRangeItem, type PersistentVolumeClaim, type Pod, Quantity } from '@berth/kube';
import { podTotals } from '../../../quota/pod-totals.ts';

type Amounts = Readonly<Record<string, unknown>>;

interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

/** What of a pod is outside of the limits, in upstream's words (limitranger PodValidateLimitFunc). */
export function podErrors(pod: Pod, limits: readonly LimitRangeItem[]): string[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return limits.flatMap((limit) => {
    if (limit.type === 'Container') return containers.flatMap((container) => usageErrors(limit, usageOf(container)));
    return limit.type === 'Pod' ? usageErrors(limit, podUsage(pod)) : [];
  });
}

/** The same of a claim: its request alone counts. */
export function claimErrors(claim: PersistentVolumeClaim, limits: readonly LimitRangeItem[]): string[] {
  const requests = claim.spec?.resources?.requests ?? {};
  return limits.flatMap((limit) => {
    if (limit.type !== 'PersistentVolumeClaim') return [];
    return [
      ...each(limit.min, (name, least) => minimum(limit.type, name, { least, request: quantity(requests[name]) })),
      ...each(limit.max, (name, most) => {
        const request = quantity(requests[name]);
        const said = `maximum ${name} usage per ${limit.type} is ${most}`;
        if (!request) return `${said}.  No request is specified`;
        return request.compare(most) > 0 ? `${said}, but request is ${request}` : undefined;
      }),
    ];
  });
}

function usageErrors(limit: LimitRangeItem, { requests, limits }: Usage): string[] {
  const of = (name: string) => ({ request: quantity(requests[name]), limit: quantity(limits[name]) });
  return [
    ...each(limit.min, (name, least) => minimum(limit.type, name, { least, ...of(name) })),
    ...each(limit.max, (name, most) => maximum(limit.type, name, { most, ...of(name) })),
    ...each(limit.maxLimitRequestRatio, (name, ratio) => ratioError(limit.type, name, { ratio, ...of(name) })),
  ];
}

interface Said {
  readonly request?: Quantity | undefined;
  readonly limit?: Quantity | undefined;
}

function minimum(
  type: string,
  name: string,
  { least, request, limit }: Said & { least: Quantity },
): string | undefined {
  const said = `minimum ${name} usage per ${type} is ${least}`;
  if (!request) return `${said}.  No request is specified`;
  if (request.compare(least) < 0) return `${said}, but request is ${request}`;
  return limit && limit.compare(least) < 0 ? `${said}, but limit is ${limit}` : undefined;
}

function maximum(type: string, name: string, { most, request, limit }: Said & { most: Quantity }): string | undefined {
  const said = `maximum ${name} usage per ${type} is ${most}`;
  if (!limit) return `${said}.  No limit is specified`;
  if (limit.compare(most) > 0) return `${said}, but limit is ${limit}`;
  return request && request.compare(most) > 0 ? `${said}, but request is ${request}` : undefined;
}

function ratioError(
  type: string,
  name: string,
  { ratio, request, limit }: Said & { ratio: Quantity },
): string | undefined {
  const said = `${name} max limit to request ratio per ${type} is ${ratio}, but`;
  if (!request || request.isZero) return `${said} no request is specified or request is 0`;
  if (!limit || limit.isZero) return `${said} no limit is specified or limit is 0`;
  const actual = limit.approximate() / request.approximate();
  return actual > ratio.approximate() ? `${said} provided ratio is ${actual.toFixed(6)}` : undefined;
}

/** In the order of names, as Go prints a map it was told to sort. */
function each(
  amounts: Readonly<Record<string, string>> | undefined,
  check: (name: string, amount: Quantity) => string | undefined,
): string[] {
  return Object.keys(amounts ?? {})
    .sort()
    .flatMap((name) => check(name, Quantity.parse(String(amounts?.[name]))) ?? []);
}

function quantity(value: unknown): Quantity | undefined {
  return value === undefined || value === null ? undefined : Quantity.parse(String(value));
}

function usageOf({ resources }: Container): Usage {
  return { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} };
}

function podUsage(pod: Pod): Usage {
  return {
    requests: Object.fromEntries(podTotals(pod, 'requests')),
    limits: Object.fromEntries(podTotals(pod, 'limits')),
  };
}

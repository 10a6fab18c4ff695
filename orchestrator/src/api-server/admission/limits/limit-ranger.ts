import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '@berth/kube';
import { forbidden } from '../../resource-errors.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import { claimErrors, podErrors } from './limit-checks.ts';

const annotation = 'kubernetes.io/limit-ranger';

/** Gives containers what LimitRanges have for those that say nothing (admission LimitRanger). */
export function limitDefaults(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    if (request.operation !== 'create' || !isResource(request, '', 'pods')) return;
    for (const { limits } of await limitsOf(lookup, request)) {
      const { defaults, defaultRequests } = containerDefaults(limits);
      if (Object.keys(defaults).length + Object.keys(defaultRequests).length > 0)
        applyDefaults(request.object as unknown as Pod, defaults, defaultRequests);
    }
  };
}

/** Refuses pods and claims outside of what their namespace's LimitRanges allow. */
export function limitChecks(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const { operation, definition, name, object, subresource } = request;
    if (operation === 'delete') return;
    const isClaim = isResource(request, '', 'persistentvolumeclaims');
    const isPod = definition.group === '' && definition.plural === 'pods';
    // What a pod may have is decided when it is made, and when it is resized.
    const concerned = isPod ? (operation === 'create' ? subresource === '' : subresource === 'resize') : isClaim;
    if (!concerned || object.metadata.deletionTimestamp) return;
    for (const { limits } of await limitsOf(lookup, request)) {
      const found = isClaim
        ? claimErrors(object as unknown as PersistentVolumeClaim, limits)
        : podErrors(object as unknown as Pod, limits);
      // What is wrong with several containers is told once (util/errors Aggregate).
      const errors = [...new Set(found)];
      if (errors.length > 0)
        throw forbidden(definition, name, errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`);
    }
  };
}

async function limitsOf(lookup: AdmissionLookup, { namespace }: AdmissionRequest) {
  const ranges = (await lookup.listIn('', 'limitranges', namespace)) as unknown as readonly LimitRange[];
  return ranges.map(({ spec }) => ({ limits: spec?.limits ?? [] }));
}

type Amounts = Readonly<Record<string, string>>;

function containerDefaults(limits: readonly LimitRangeItem[]): { defaults: Amounts; defaultRequests: Amounts } {
  const own = limits.filter(({ type }) => type === 'Container');
  return {
    defaults: Object.assign({}, ...own.map((limit) => limit.default ?? {})),
    defaultRequests: Object.assign({}, ...own.map((limit) => limit.defaultRequest ?? {})),
  };
}

function applyDefaults(pod: Pod, defaults: Amounts, defaultRequests: Amounts): void {
  const told = [
    ...(pod.spec?.containers ?? []).flatMap((container) => fill(container, 'container', defaults, defaultRequests)),
    ...(pod.spec?.initContainers ?? []).flatMap((container) =>
      fill(container, 'init container', defaults, defaultRequests),
    ),
  ];
  if (told.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${told.join('; ')}`,
  };
}

/** What was set, as the annotation says it. */
function fill(container: Container, what: string, defaults: Amounts, defaultRequests: Amounts): string[] {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const newLimits = missing(defaults, limits);
  const newRequests = missing(defaultRequests, requests);
  container.resources = {
    ...container.resources,
    ...(Object.keys(newLimits).length > 0 ? { limits: { ...limits, ...newLimits } } : {}),
    ...(Object.keys(newRequests).length > 0 ? { requests: { ...requests, ...newRequests } } : {}),
  };
  const text = (names: string[], kind: string) =>
    names.length === 0 ? [] : [`${names.sort().join(', ')} ${kind} for ${what} ${container.name}`];
  return [...text(Object.keys(newRequests), 'request'), ...text(Object.keys(newLimits), 'limit')];
}

function missing(wanted: Amounts, has: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in has)));
}

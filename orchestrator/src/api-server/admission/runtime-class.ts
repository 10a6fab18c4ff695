import { apiError, goQuote, type PodSpec, Quantity, type RuntimeClass, withSentEmpty } from '@berth/kube';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import { type AdmissionLookup, unaskable } from './lookup.ts';
import { mergeTolerations } from './merge-tolerations.ts';
import { refused } from './refused.ts';

const otherOverhead = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const ownOverhead = 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';

/** A pod of a RuntimeClass gets what that costs, and where it runs (admission RuntimeClass). */
export function runtimeClassDefaults(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const runtimeClass = await classOf(lookup, request);
    if (!runtimeClass) return;
    const spec = request.object.spec as PodSpec;
    const overhead = runtimeClass.overhead && (runtimeClass.overhead.podFixed ?? {});
    const own = withSentEmpty(spec, 'overhead') as PodSpec['overhead'];
    if (overhead && own && !isSame(own, overhead)) throw refused(request, otherOverhead);
    if (overhead) spec.overhead = structuredClone(overhead);
    if (runtimeClass.scheduling) setScheduling(request, spec, runtimeClass.scheduling);
  };
}

/** What runs beside a pod is its class's to say. */
export function runtimeClassChecks(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    if (request.operation !== 'create' || !isResource(request, '', 'pods')) return;
    const overhead = withSentEmpty(request.object.spec as PodSpec, 'overhead') as PodSpec['overhead'];
    const asked = (await classOf(lookup, request))?.overhead;
    if (!asked && overhead) throw refused(request, ownOverhead);
    if (asked && !isSame(asked.podFixed ?? {}, overhead ?? {})) throw refused(request, otherOverhead);
  };
}

async function classOf(lookup: AdmissionLookup, request: AdmissionRequest): Promise<RuntimeClass | undefined> {
  if (request.operation !== 'create' || !isResource(request, '', 'pods')) return undefined;
  const name = (request.object.spec as PodSpec | undefined)?.runtimeClassName;
  if (name === undefined || name === null) return undefined;
  const wrong = unaskable(name);
  if (wrong !== undefined) throw apiError('Unknown', wrong, { code: 500 });
  const found = await lookup.find('node.k8s.io', 'runtimeclasses', '', name);
  if (!found) throw refused(request, `pod rejected: RuntimeClass ${goQuote(name)} not found`);
  return found as unknown as RuntimeClass;
}

function setScheduling(
  request: AdmissionRequest,
  spec: PodSpec,
  { nodeSelector, tolerations = [] }: NonNullable<RuntimeClass['scheduling']>,
): void {
  for (const [key, value] of Object.entries(nodeSelector ?? {})) {
    const own = spec.nodeSelector && Object.hasOwn(spec.nodeSelector, key) ? spec.nodeSelector[key] : value;
    if (own === value) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
    throw refused(request, why);
  }
  if (nodeSelector) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const merged = mergeTolerations(spec.tolerations ?? [], tolerations);
  if (merged.length > 0) spec.tolerations = structuredClone(merged);
}

type Amounts = Readonly<Record<string, string>>;

function isSame(one: Amounts, other: Amounts): boolean {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && sameAmount(one[name] as string, other[name] as string));
}

/** Validation says what is wrong with a quantity that is none. */
function sameAmount(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return Quantity.parse(one).compare(Quantity.parse(other)) === 0;
  } catch {
    return false;
  }
}

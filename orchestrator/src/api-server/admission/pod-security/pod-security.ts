import type { Clock } from '@berth/kit';
import type { Pod, PodSpec } from '@berth/kube';
import { invalid } from '../../invalid.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { forbidden } from '../../resource-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import type { CheckedPod } from './check.ts';
import { isSame, isStricter, levelText, policyOf, type SecurityPolicy } from './policy.ts';

/** Where each kind keeps the pod it makes. */
const templates: Readonly<Record<string, (object: AnyObject) => AnyObject | undefined>> = {
  '/podtemplates': (object) => object['template'],
  '/replicationcontrollers': ({ spec }) => spec?.template,
  'apps/replicasets': ({ spec }) => spec?.template,
  'apps/deployments': ({ spec }) => spec?.template,
  'apps/statefulsets': ({ spec }) => spec?.template,
  'apps/daemonsets': ({ spec }) => spec?.template,
  'batch/jobs': ({ spec }) => spec?.template,
  'batch/cronjobs': ({ spec }) => spec?.jobTemplate?.spec?.template,
};

/** Subresources that do not change what a pod may do; any other is looked at. */
const harmless = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);

/** Holds pods to the level their namespace's labels ask for (admission PodSecurity). @throws ApiError Forbidden, Invalid */
export function podSecurity(lookup: AdmissionLookup, { clock }: { readonly clock: Clock }): AdmissionPlugin {
  return (request) => {
    const { operation, definition, subresource } = request;
    if (operation === 'delete') return;
    const resource = `${definition.group}/${definition.plural}`;
    if (resource === '/namespaces') return subresource === '' ? checkNamespace(lookup, clock, request) : undefined;
    if (resource === '/pods') return harmless.has(subresource) ? undefined : checkPod(lookup, request);
    const template = subresource === '' ? templates[resource] : undefined;
    if (template) return checkTemplate(lookup, template(request.object), request);
  };
}

async function checkPod(lookup: AdmissionLookup, request: AdmissionRequest): Promise<void> {
  const { object, old, definition, name, warn } = request;
  if (old && !isSignificant(object as Pod, old as Pod)) return;
  const policy = await policyFor(lookup, request);
  if (policy.enforce.level === 'privileged' && policy.warn.level === 'privileged') return;
  const { violationsOf, detailsText } = await import('./evaluate.ts');
  const pod = checked(object);
  const violations = violationsOf(policy.enforce, pod);
  if (violations.length > 0) {
    const why = `violates PodSecurity "${levelText(policy.enforce)}": ${detailsText(violations)}`;
    throw forbidden(definition, name, why);
  }
  await warnOf(policy, pod, warn);
}

async function checkTemplate(
  lookup: AdmissionLookup,
  template: AnyObject | undefined,
  request: AdmissionRequest,
): Promise<void> {
  if (!template?.spec) return;
  const policy = await policyFor(lookup, request);
  await warnOf(policy, checked(template), request.warn);
}

async function warnOf({ warn }: SecurityPolicy, pod: CheckedPod, tell: (text: string) => void): Promise<void> {
  if (warn.level === 'privileged') return;
  const { violationsOf, detailsText } = await import('./evaluate.ts');
  const violations = violationsOf(warn, pod);
  if (violations.length > 0) tell(`would violate PodSecurity "${levelText(warn)}": ${detailsText(violations)}`);
}

async function policyFor(lookup: AdmissionLookup, { namespace }: AdmissionRequest): Promise<SecurityPolicy> {
  const found = await lookup.find('', 'namespaces', '', namespace);
  return policyOf(found?.metadata.labels).policy;
}

async function checkNamespace(lookup: AdmissionLookup, clock: Clock, request: AdmissionRequest): Promise<void> {
  const { object, old, definition, name, warn } = request;
  const { policy, errors } = policyOf(object.metadata.labels);
  const before = old && policyOf(old.metadata.labels);
  // What was wrong before may stay so.
  const isNew = () => JSON.stringify(before?.errors) !== JSON.stringify(errors);
  if (errors.length > 0 && isNew()) throw invalid(definition, name, errors);
  if (!before || policy.enforce.level === 'privileged') return;
  const had = before.policy.enforce;
  if (isSame(policy.enforce, had)) return;
  if (policy.enforce.minor === had.minor && !isStricter(policy.enforce.level, had.level)) return;
  const { existingPodWarnings } = await import('./existing-pods.ts');
  const pods = (await lookup.listIn('', 'pods', name)) as readonly Pod[];
  for (const text of existingPodWarnings(pods, { namespace: name, enforce: policy.enforce, clock })) warn(text);
}

function checked({ metadata, spec }: AnyObject): CheckedPod {
  return { annotations: metadata?.annotations ?? {}, spec: (spec ?? {}) as PodSpec };
}

/** Of what may change in a pod only images and added containers count. */
function isSignificant({ spec: next }: Pod, { spec: old }: Pod): boolean {
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, then] = [next?.[list] ?? [], old?.[list] ?? []];
    if (now.length !== then.length || now.some(({ image }, index) => image !== then[index]?.image)) return true;
  }
  const known = new Map(old?.ephemeralContainers?.map(({ name, image }) => [name, image]));
  return next?.ephemeralContainers?.some(({ name, image }) => !known.has(name) || known.get(name) !== image) ?? false;
}

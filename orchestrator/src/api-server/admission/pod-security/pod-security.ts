import type { Clock } from '@berth/kit';
import type { Pod, PodSpec } from '@berth/kube';
import { aggregate } from '../../aggregate.ts';
import { invalid } from '../../invalid.ts';
import type { PodSecurityAsked, PodSecurityObserver } from '../../metrics/pod-security-metrics.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { forbidden } from '../../resource-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import type { CheckedPod } from './check.ts';
import {
  askedByLabels,
  isSame,
  isSamePolicy,
  isStricter,
  type LevelVersion,
  levelText,
  nothingAsked,
  policyOf,
  prefix,
  type SecurityPolicy,
} from './policy.ts';
import type { SecurityConfiguration } from './security-configuration.ts';

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

interface PodSecurityParts {
  readonly clock: Clock;
  readonly configuration: SecurityConfiguration;
  /** Absent: nothing is counted. */
  readonly metrics?: (() => PodSecurityObserver) | undefined;
}

/** Holds pods to the level their namespace's labels, or the configuration, ask for (admission PodSecurity). @throws ApiError Forbidden, Invalid */
export function podSecurity(lookup: AdmissionLookup, parts: PodSecurityParts): AdmissionPlugin {
  const checks = new PodChecks(lookup, parts);
  return (request) => {
    const { operation, definition, subresource } = request;
    if (operation === 'delete') return;
    const resource = `${definition.group}/${definition.plural}`;
    if (resource === '/namespaces') return subresource === '' ? checks.namespace(request) : undefined;
    if (resource === '/pods') return harmless.has(subresource) ? undefined : checks.pod(request);
    const template = subresource === '' ? templates[resource] : undefined;
    if (template) return checks.template(template(request.object), request);
  };
}

class PodChecks {
  readonly #lookup: AdmissionLookup;
  readonly #clock: Clock;
  readonly #configuration: SecurityConfiguration;
  readonly #metrics: (() => PodSecurityObserver) | undefined;

  constructor(lookup: AdmissionLookup, { clock, configuration, metrics }: PodSecurityParts) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#configuration = configuration;
    this.#metrics = metrics;
  }

  async pod(request: AdmissionRequest): Promise<void> {
    const { object, old, audit } = request;
    if (this.#isExempt(request)) return;
    const policy = await this.#policyFor(request);
    if (isSamePolicy(policy, nothingAsked)) {
      this.#evaluated(request, 'enforce', policy.enforce, true);
      return void audit?.annotate(`${prefix}enforce-policy`, levelText(nothingAsked.enforce));
    }
    if (old && !isSignificant(object as Pod, old as Pod)) return;
    await this.#evaluate(policy, checked(object), request, true);
  }

  async template(template: AnyObject | undefined, request: AdmissionRequest): Promise<void> {
    if (!template?.spec || this.#isExempt(request)) return;
    const policy = await this.#policyFor(request);
    if (policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return;
    await this.#evaluate(policy, checked(template), request, false);
  }

  async namespace({ object, old, definition, name, operation, warn }: AdmissionRequest): Promise<void> {
    const { defaults, exempt } = this.#configuration;
    const { labels } = object.metadata;
    const { policy, errors } = policyOf(labels, defaults);
    const before = old && policyOf(old.metadata.labels, defaults);
    // What was wrong before may stay so.
    const isNew = () => JSON.stringify(before?.errors) !== JSON.stringify(errors);
    if (errors.length > 0 && isNew()) throw invalid(definition, name, errors);
    const isExempt = exempt.namespaces.has(name);
    if (operation === 'create') return isExempt ? tellIgnored({ policy, defaults, name, labels, warn }) : undefined;
    if (!before || policy.enforce.level === 'privileged') return;
    const had = before.policy.enforce;
    if (isSame(policy.enforce, had)) return;
    if (policy.enforce.minor === had.minor && !isStricter(policy.enforce.level, had.level)) return;
    if (isExempt) return tellIgnored({ policy, defaults, name, labels, warn });
    const { existingPodWarnings } = await import('./existing-pods.ts');
    const listed = (await this.#lookup.listIn('', 'pods', name)) as readonly Pod[];
    const pods = listed.filter(({ spec }) => !exempt.runtimeClasses.has(spec?.runtimeClassName ?? ''));
    const about = { namespace: name, enforce: policy.enforce, clock: this.#clock };
    for (const text of existingPodWarnings(pods, about)) warn(text);
  }

  /** Who or where it is, whatever the pod. */
  #isExempt(request: AdmissionRequest): boolean {
    const { namespace, user, audit } = request;
    const { exempt } = this.#configuration;
    const why = exempt.namespaces.has(namespace) ? 'namespace' : exempt.usernames.has(user.name) ? 'user' : undefined;
    if (why === undefined) return false;
    audit?.annotate(`${prefix}exempt`, why);
    this.#metrics?.().podSecurity({ type: 'exempted', asked: askedOf(request) });
    return true;
  }

  async #policyFor(request: AdmissionRequest): Promise<SecurityPolicy> {
    const { namespace, audit } = request;
    const found = await this.#lookup.find('', 'namespaces', '', namespace);
    const { policy, errors } = policyOf(found?.metadata.labels, this.#configuration.defaults);
    const texts = errors.map(({ field, message }) => `${field}: ${message}`);
    if (texts.length > 0) {
      audit?.annotate(`${prefix}error`, `Failed to parse policy: ${aggregate(texts)}`);
      this.#metrics?.().podSecurity({ type: 'failed', asked: askedOf(request) });
    }
    return policy;
  }

  async #evaluate(
    { enforce, audit: audited, warn: warned }: SecurityPolicy,
    pod: CheckedPod,
    request: AdmissionRequest,
    isEnforced: boolean,
  ): Promise<void> {
    const { definition, name, audit, warn } = request;
    if (this.#configuration.exempt.runtimeClasses.has(pod.spec.runtimeClassName ?? '')) {
      this.#metrics?.().podSecurity({ type: 'exempted', asked: askedOf(request) });
      return void audit?.annotate(`${prefix}exempt`, 'runtimeClass');
    }
    const { violationsOf, detailsText } = await import('./evaluate.ts');
    const wrong = (level: LevelVersion) => {
      const violations = violationsOf(level, pod);
      return violations.length === 0
        ? undefined
        : `violate PodSecurity "${levelText(level)}": ${detailsText(violations)}`;
    };
    const noted = wrong(audited);
    if (isEnforced) audit?.annotate(`${prefix}enforce-policy`, levelText(enforce));
    if (noted !== undefined) {
      audit?.annotate(`${prefix}audit-violations`, `would ${noted}`);
      this.#evaluated(request, 'audit', audited, false);
    }
    const why = isEnforced ? wrong(enforce) : undefined;
    if (isEnforced) this.#evaluated(request, 'enforce', enforce, why === undefined);
    if (why !== undefined) throw forbidden(definition, name, why.replace('violate', 'violates'));
    const warning = wrong(warned);
    if (warning === undefined) return;
    warn(`would ${warning}`);
    this.#evaluated(request, 'warn', warned, false);
  }

  #evaluated(request: AdmissionRequest, mode: keyof SecurityPolicy, policy: LevelVersion, allowed: boolean): void {
    const evaluation = { ...policy, mode, decision: allowed ? 'allow' : 'deny' } as const;
    this.#metrics?.().podSecurity({ type: 'evaluated', asked: askedOf(request), evaluation });
  }
}

function askedOf({ operation, definition: { plural }, subresource }: AdmissionRequest): PodSecurityAsked {
  return { operation, plural, subresource };
}

interface Ignored {
  readonly policy: SecurityPolicy;
  readonly defaults: SecurityPolicy;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly warn: (text: string) => void;
}

function tellIgnored({ policy, defaults, name, labels, warn }: Ignored): void {
  if (isSamePolicy(policy, nothingAsked) || isSamePolicy(policy, defaults)) return;
  const asked = askedByLabels(policy, labels);
  warn(`namespace "${name}" is exempt from Pod Security, and the policy (${asked}) will be ignored`);
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

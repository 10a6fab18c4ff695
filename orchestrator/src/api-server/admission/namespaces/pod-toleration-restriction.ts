import { messageOf } from '@berth/kit';
import { apiError, isRecord, type PodSpec, parseJson, type Toleration } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { qosClass } from '../../resources/core/pod/qos.ts';
import { validateTolerations } from '../../resources/core/pod/scheduling.ts';
import { type AdmissionPlugin, isResource } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import { covers, mergeTolerations } from '../merge-tolerations.ts';

const defaults = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const whitelist = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
const memoryPressure: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
};

interface Configured {
  readonly default: readonly Toleration[];
  readonly whitelist: readonly Toleration[];
}

/** Pods tolerate what their namespace says, and no more than it allows (admission PodTolerationRestriction). */
export function podTolerationRestriction(
  lookup: AdmissionLookup,
  configuration: unknown,
): Record<'mutate' | 'validate', AdmissionPlugin> {
  const configured = configuredOf(configuration);
  const check =
    (add: boolean): AdmissionPlugin =>
    async (request) => {
      const { operation, namespace, object } = request;
      if ((operation !== 'create' && operation !== 'update') || !isResource(request, '', 'pods')) return;
      const found = await lookup.namespace(namespace);
      const spec = object.spec as PodSpec;
      if (add) {
        const told = operation === 'create' ? (annotated(found, defaults) ?? configured.default) : [];
        const extra = qosClass(spec) === 'BestEffort' ? told : [...told, memoryPressure];
        if (extra.length > 0) spec.tolerations = mergeTolerations(spec.tolerations ?? [], extra);
      }
      const own = annotated(found, whitelist);
      const allowed = own ?? configured.whitelist;
      if (allowed.length === 0) return;
      if ((spec.tolerations ?? []).every((one) => allowed.some((wide) => covers(wide, one)))) return;
      const scope = own ? 'namespace' : 'cluster';
      // Upstream refuses with no status of its own.
      throw apiError(
        'Unknown',
        `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`,
      );
    };
  return { mutate: check(true), validate: check(false) };
}

/** Undefined: the namespace says nothing, and the cluster's are meant. */
function annotated({ metadata }: AnyObject, key: string): readonly Toleration[] | undefined {
  const text = metadata.annotations?.[key];
  if (text === undefined || text === '') return text === undefined ? undefined : [];
  const value = parsed(text);
  if (Array.isArray(value) && value.every(isRecord)) return value as unknown as Toleration[];
  const what = isRecord(value) ? 'object' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw apiError('Unknown', `json: cannot unmarshal ${what} into Go value of type []v1.Toleration`);
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw apiError('Unknown', messageOf(error));
  }
}

/** `podtolerationrestriction.admission.k8s.io/v1alpha1`, Configuration. @throws RangeError */
function configuredOf(configuration: unknown): Configured {
  const refuse = (why: string) => new RangeError(`couldn't init admission plugin "PodTolerationRestriction": ${why}`);
  if (configuration === undefined) return { default: [], whitelist: [] };
  const { apiVersion, kind, ...lists } = isRecord(configuration) ? configuration : {};
  if (apiVersion !== 'podtolerationrestriction.admission.k8s.io/v1alpha1' || kind !== 'Configuration')
    throw refuse(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`);
  const listOf = (name: 'default' | 'whitelist') => {
    const list = lists[name] ?? [];
    if (!Array.isArray(list) || !list.every(isRecord)) throw refuse(`${name} is no list of tolerations`);
    return list as unknown as Toleration[];
  };
  const told = { default: listOf('default'), whitelist: listOf('whitelist') };
  const errors = (['default', 'whitelist'] as const).flatMap((name) =>
    validateTolerations(told[name], `podtolerationrestriction.${name}`),
  );
  if (errors.length > 0)
    throw refuse(`invalid config: [${errors.map(({ field, message }) => `${field}: ${message}`).join(', ')}]`);
  return told;
}

import { messageOf } from '@berth/kit';
import { apiError, decodeObject, isRecord, type PodSpec, parseJson, type Toleration } from '@berth/kube';
import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { qosClass } from '../../resources/core/pod/qos.ts';
import { validateTolerations } from '../../resources/core/pod/scheduling.ts';
import { type AdmissionPlugin, isResource } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import { covers, mergeTolerations } from '../merge-tolerations.ts';
import { pluginRefused, readPluginConfiguration } from '../plugin-configuration.ts';

const defaults = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const whitelist = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
const memoryPressure: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
};

const plugin = 'PodTolerationRestriction';
const tolerationSchema = configStruct('v1')('Toleration', {
  key: 'string',
  operator: 'string',
  value: 'string',
  effect: 'string',
  tolerationSeconds: 'int64',
});
const form: ConfigurationForm = {
  group: 'podtolerationrestriction.admission.k8s.io',
  kind: 'Configuration',
  versions: ['v1alpha1'],
  schema: (version) =>
    configStruct(version)('Configuration', {
      apiVersion: 'string',
      kind: 'string',
      default: [tolerationSchema],
      whitelist: [tolerationSchema],
    }),
  isLenient: true,
};

interface Configured {
  readonly default: readonly Toleration[];
  readonly whitelist: readonly Toleration[];
}

/** Pods tolerate what their namespace says, and no more than it allows (admission PodTolerationRestriction). */
export function podTolerationRestriction(
  lookup: AdmissionLookup,
  configuration: string | undefined,
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
  if (Array.isArray(value) && value.every(isRecord)) return value.map(tolerationOf);
  const what = isRecord(value) ? 'object' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw apiError('Unknown', `json: cannot unmarshal ${what} into Go value of type []v1.Toleration`);
}

function tolerationOf(value: Readonly<Record<string, unknown>>): Toleration {
  try {
    return decodeObject(tolerationSchema, value).object as unknown as Toleration;
  } catch (error) {
    throw apiError('Unknown', messageOf(error));
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw apiError('Unknown', messageOf(error));
  }
}

/** @throws RangeError – it is none, in upstream's words. */
function configuredOf(text: string | undefined): Configured {
  const file: Partial<Configured> = text === undefined ? {} : readPluginConfiguration(plugin, text, form);
  const told = { default: file.default ?? [], whitelist: file.whitelist ?? [] };
  const errors = (['default', 'whitelist'] as const).flatMap((name) =>
    validateTolerations(told[name], `podtolerationrestriction.${name}`),
  );
  if (errors.length > 0)
    throw pluginRefused(
      plugin,
      `invalid config: [${errors.map(({ field, message }) => `${field}: ${message}`).join(', ')}]`,
    );
  return told;
}

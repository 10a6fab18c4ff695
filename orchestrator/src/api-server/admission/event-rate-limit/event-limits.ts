import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';
import type { FieldError } from '../../resource-definition.ts';
import { invalid, notSupported } from '../../resources/field.ts';
import { readPluginConfiguration, refuseFields } from '../plugin-configuration.ts';

/** `eventratelimit.admission.k8s.io/v1alpha1`, Limit. */
export interface EventLimit {
  readonly type: EventLimitType;
  readonly qps: number;
  readonly burst: number;
  /** How many keys are remembered. */
  readonly cacheSize: number;
}

const types = ['Server', 'Namespace', 'User', 'SourceAndObject'] as const;
export type EventLimitType = (typeof types)[number];

const defaultCacheSize = 4096;
const plugin = 'EventRateLimit';

const limitForm: ConfigurationForm = {
  group: 'eventratelimit.admission.k8s.io',
  kind: 'Configuration',
  versions: ['v1alpha1'],
  schema: (version) => {
    const struct = configStruct(version);
    const limit = struct('Limit', { type: 'string', qps: 'int32', burst: 'int32', cacheSize: 'int32' });
    return struct('Configuration', { apiVersion: 'string', kind: 'string', limits: [limit] });
  },
  isLenient: true,
};

/** Reads the plugin's configuration. @throws RangeError – in upstream's words. */
export function eventLimitsOf(text: string | undefined): readonly EventLimit[] {
  const file = text === undefined ? {} : readPluginConfiguration(plugin, text, limitForm);
  const { limits = [] } = file as { limits?: readonly Partial<EventLimit>[] };
  if (limits.length === 0) refuseFields(plugin, [invalid('limits', null, 'must not be empty')]);
  refuseFields(
    plugin,
    limits.flatMap((limit, i) => limitErrors(limit, `limits[${i}]`)),
  );
  return (limits as readonly EventLimit[]).map((limit) => ({
    ...limit,
    cacheSize: limit.cacheSize || defaultCacheSize,
  }));
}

function limitErrors({ type, qps = 0, burst = 0, cacheSize = 0 }: Partial<EventLimit>, at: string): FieldError[] {
  const isKnown = type !== undefined && types.includes(type);
  return [
    ...(isKnown ? [] : [notSupported(`${at}.type`, type ?? '', types)]),
    ...(burst > 0 ? [] : [invalid(`${at}.burst`, burst, 'must be positive')]),
    ...(qps > 0 ? [] : [invalid(`${at}.qps`, qps, 'must be positive')]),
    ...(type === 'Server' || cacheSize >= 0 ? [] : [invalid(`${at}.cacheSize`, cacheSize, 'must not be negative')]),
  ];
}

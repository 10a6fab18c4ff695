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
const apiVersion = 'eventratelimit.admission.k8s.io/v1alpha1';

/** Reads the plugin's configuration. @throws RangeError – in upstream's words where it has them. */
export function eventLimitsOf(value: unknown): readonly EventLimit[] {
  const { apiVersion: version = apiVersion, kind = 'Configuration', limits } = asRecord(value ?? {});
  if (version !== apiVersion || kind !== 'Configuration')
    throw refused(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)}`);
  if (!Array.isArray(limits) || limits.length === 0) throw refused('limits: Invalid value: null: must not be empty');
  const errors = limits.flatMap((limit, i) => limitErrors(asRecord(limit), `limits[${i}]`));
  if (errors.length > 0) throw refused(errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`);
  return limits.map((limit: EventLimit) => ({ ...limit, cacheSize: limit.cacheSize || defaultCacheSize }));
}

function limitErrors({ type, qps, burst, cacheSize = 0 }: Record<string, unknown>, at: string): string[] {
  const known = (types as readonly unknown[]).includes(type);
  const supported = types.map((each) => JSON.stringify(each)).join(', ');
  const number = (name: string, value: unknown, least: number, words: string) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least
      ? []
      : [`${at}.${name}: Invalid value: ${JSON.stringify(value ?? 0)}: ${words}`];
  return [
    ...(known ? [] : [`${at}.type: Unsupported value: ${JSON.stringify(type ?? '')}: supported values: ${supported}`]),
    ...number('burst', burst, 1, 'must be positive'),
    ...number('qps', qps, 1, 'must be positive'),
    ...(type === 'Server' ? [] : number('cacheSize', cacheSize, 0, 'must not be negative')),
  ];
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refused('the configuration is no object');
}

function refused(why: string): RangeError {
  return new RangeError(`couldn't init admission plugin "EventRateLimit": ${why}`);
}

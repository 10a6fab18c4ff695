import type { Clock } from '@berth/kit';
import { apiError, LruMap } from '@berth/kube';
import { aggregate } from '../../aggregate.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { EventLimit, EventLimitType } from './event-limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** Refuses Events that come faster than they may, in all, of a namespace, a user, or a source (plugin/pkg/admission/eventratelimit). */
export function eventRateLimit(clock: Clock, limits: readonly EventLimit[]): AdmissionPlugin {
  const enforcers = limits.map((limit) => enforcer(clock, limit));
  return (request) => {
    const { definition, operation, dryRun } = request;
    if (definition.group !== '' || definition.kind !== 'Event' || operation === 'delete' || dryRun) return;
    // All are asked, so that each counts what another refuses.
    const errors = enforcers.map((refusal) => refusal(request)).filter((text) => text !== undefined);
    if (errors.length > 0) throw apiError('TooManyRequests', `Too many requests: ${aggregate(errors)}`);
  };
}

function enforcer(clock: Clock, limit: EventLimit): (request: AdmissionRequest) => string | undefined {
  const buckets = new LruMap<string, TokenBucket>(limit.type === 'Server' ? 1 : limit.cacheSize);
  const keyOf = keys[limit.type];
  return (request) => {
    const key = keyOf(request);
    const bucket = buckets.get(key) ?? new TokenBucket(clock, limit);
    buckets.set(key, bucket);
    return bucket.take() ? undefined : `limit reached on type ${limit.type} for key ${key}`;
  };
}

const keys: Readonly<Record<EventLimitType, (request: AdmissionRequest) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source = {}, involvedObject: about = {} } = object as unknown as EventParts;
    const parts = [source.component, source.host, about.kind, about.namespace, about.name, about.uid, about.apiVersion];
    return parts.map((part) => part ?? '').join('');
  },
};

interface EventParts {
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly involvedObject?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly apiVersion?: string;
  };
}

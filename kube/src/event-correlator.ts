import type { Event } from './gen/types.ts';
import { LruMap } from './lru-map.ts';

/** client-go's defaults (tools/record events_cache.go). */
const cacheEntries = 4096;
const aggregateAfter = 10;
const aggregateWindowMs = 600_000;
const spamBurst = 25;
const spamRefillMs = 300_000;

/** What to send: an event to create, or where `count` is above 1 the one to patch. */
export interface CorrelatedEvent {
  readonly event: Event;
  readonly repeated: boolean;
}

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Sent {
  readonly name: string;
  readonly firstTimestamp: string;
  readonly count: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Folds repeated, similar and too many events of one source, as client-go's EventCorrelator does. */
export class EventCorrelator {
  readonly #similar = new LruMap<string, Similar>(cacheEntries);
  readonly #sent = new LruMap<string, Sent>(cacheEntries);
  readonly #buckets = new LruMap<string, Bucket>(cacheEntries);

  /** Undefined when the object has been spammed and the event is dropped. */
  correlate(fresh: Event, nowMs: number): CorrelatedEvent | undefined {
    const [event, key] = this.#aggregate(fresh, nowMs);
    const earlier = this.#sent.get(key);
    const observed = earlier
      ? {
          ...event,
          metadata: { ...event.metadata, name: earlier.name },
          firstTimestamp: earlier.firstTimestamp,
          count: earlier.count + 1,
        }
      : event;
    const { firstTimestamp = '', count = 1 } = observed;
    this.#sent.set(key, { name: observed.metadata.name as string, firstTimestamp, count });
    if (!this.#mayPass(spamKey(fresh), nowMs)) return undefined;
    return { event: observed, repeated: earlier !== undefined };
  }

  #aggregate(event: Event, nowMs: number): readonly [Event, string] {
    const groupKey = similarKey(event);
    let similar = this.#similar.get(groupKey);
    if (!similar || nowMs - similar.lastMs > aggregateWindowMs) similar = { messages: new Set(), lastMs: nowMs };
    similar.messages.add(event.message ?? '');
    similar.lastMs = nowMs;
    this.#similar.set(groupKey, similar);
    if (similar.messages.size < aggregateAfter) return [event, `${groupKey}\0${event.message}\0${fieldPathOf(event)}`];
    const [any] = similar.messages;
    similar.messages.delete(any as string);
    return [{ ...event, message: `(combined from similar events): ${event.message}` }, groupKey];
  }

  #mayPass(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: spamBurst, atMs: nowMs };
    bucket.tokens = Math.min(spamBurst, bucket.tokens + (nowMs - bucket.atMs) / spamRefillMs);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

const fieldPathOf = (event: Event) => event.involvedObject.fieldPath ?? '';

function spamKey({ source, involvedObject: about }: Event): string {
  return [source?.component, source?.host, about.kind, about.namespace, about.name, about.uid, about.apiVersion].join(
    '\0',
  );
}

function similarKey(event: Event): string {
  return [spamKey(event), event.type, event.reason, event.reportingComponent, event.reportingInstance].join('\0');
}

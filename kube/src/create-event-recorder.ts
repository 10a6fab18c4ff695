import { Channel, type Clock, deadline, type Logger, type Rng, rfc3339, systemRng } from '@berth/kit';
import { isAlreadyExists, isNotFound, isReason } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { type CorrelatedEvent, EventCorrelator } from './event-correlator.ts';
import type { EventOptions, EventRecorder } from './event-recorder.ts';
import { resources } from './gen/resources.ts';
import type { Event } from './gen/types.ts';
import type { KubeObject } from './resource-type.ts';

export interface EventRecorderOptions {
  /** Who emits: `kubelet`, `persistentvolume-controller` … */
  readonly component: string;
  /** The node's name, for components of a node. */
  readonly host?: string;
  readonly clock: Clock;
  readonly rng?: Rng;
  readonly log: Logger;
}

/** Beyond it events are dropped: they are best effort, memory is not (client-go's broadcaster queue). */
const queueLimit = 1000;
/** client-go's record package: a dozen tries, ten seconds apart. */
const maxTries = 12;
const retryMs = 10_000;
/** How long disposal waits for the server to take what is queued. */
const drainMs = 5_000;

/** A recorder that writes in the background; disposing it sends what is queued, for at most five seconds. */
export function createEventRecorder(
  client: KubeClient,
  options: EventRecorderOptions,
): EventRecorder & AsyncDisposable {
  return new Recorder(client, options);
}

class Recorder implements EventRecorder, AsyncDisposable {
  readonly #client: KubeClient;
  readonly #options: EventRecorderOptions;
  readonly #queue = new Channel<CorrelatedEvent>(queueLimit);
  readonly #correlator = new EventCorrelator();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #closing = new AbortController();
  #lastNanos = 0n;

  constructor(client: KubeClient, options: EventRecorderOptions) {
    this.#client = client;
    this.#options = options;
    this.#done = this.#drain();
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, more: EventOptions = {}): void {
    const { clock, log } = this.#options;
    const { kind, apiVersion, metadata } = about;
    if (!kind || !apiVersion || !metadata.name) {
      log.error('could not report an event about an object without kind or name', { reason, message });
      return;
    }
    const correlated = this.#correlator.correlate(this.#make(about, { type, reason, message }, more), clock.now());
    if (!correlated) return;
    if (!this.#queue.push(correlated))
      log.warn('event dropped: too many are queued', { reason, object: metadata.name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.end();
    this.#closing.abort();
    using limit = deadline(this.#options.clock, drainMs);
    limit.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    await this.#done;
  }

  #make(
    about: KubeObject,
    words: Pick<Event, 'type' | 'reason' | 'message'>,
    { fieldPath, annotations }: EventOptions,
  ): Event {
    const { component, host, clock } = this.#options;
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const now = rfc3339(clock.now());
    return {
      metadata: {
        name: `${name}.${this.#nanos().toString(16)}`,
        namespace: namespace || 'default',
        ...(annotations ? { annotations: { ...annotations } } : {}),
      },
      involvedObject: {
        ...(about.kind ? { kind: about.kind } : {}),
        ...(namespace ? { namespace } : {}),
        ...(name ? { name } : {}),
        ...(uid ? { uid } : {}),
        ...(about.apiVersion ? { apiVersion: about.apiVersion } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
        ...(fieldPath ? { fieldPath } : {}),
      },
      ...words,
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  /**
   * Nanoseconds of now, those the clock cannot tell by chance; never the same twice, since they name the event.
   * Without chance two components' events about one object in one millisecond would be one.
   */
  #nanos(): bigint {
    const { clock, rng = systemRng } = this.#options;
    const now = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(Math.floor(rng.next() * 1e6));
    this.#lastNanos = now > this.#lastNanos ? now : this.#lastNanos + 1n;
    return this.#lastNanos;
  }

  async #drain(): Promise<void> {
    for await (const item of this.#queue) {
      if (this.#stop.signal.aborted) return;
      await this.#send(item);
    }
  }

  async #send(item: CorrelatedEvent): Promise<void> {
    const { clock, log, rng = systemRng } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#write(item);
      } catch (error) {
        if (isAlreadyExists(error) || this.#stop.signal.aborted) return;
        const facts = { reason: item.event.reason, object: item.event.involvedObject.name, error };
        if (isRefusal(error)) return log.debug('the server refused an event', facts);
        if (tries === maxTries) return log.warn('gave up writing an event', facts);
      }
      if (this.#closing.signal.aborted) return;
      await clock.sleep(tries === 1 ? retryMs * rng.next() : retryMs, this.#closing.signal).catch(() => undefined);
    }
  }

  async #write({ event, repeated }: CorrelatedEvent): Promise<void> {
    const signal = this.#stop.signal;
    if (repeated) {
      const { count, lastTimestamp, message } = event;
      const ref = { namespace: event.metadata.namespace, name: event.metadata.name as string };
      try {
        await this.#client.patch(
          resources.events,
          ref,
          { type: 'strategic', patch: { count, lastTimestamp, message } },
          {},
          signal,
        );
        return;
      } catch (error) {
        // The first one's time to live has passed.
        if (!isNotFound(error)) throw error;
      }
    }
    await this.#client.create(resources.events, event, {}, signal);
  }
}

/** The server got the event and said no: trying again would not help. */
function isRefusal(error: unknown): boolean {
  return (
    !isReason(error, 'ServiceUnavailable', 'Timeout', 'ServerTimeout', 'TooManyRequests') &&
    'status' in (error as object)
  );
}

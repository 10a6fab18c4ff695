import { type Clock, type Logger, type Rng, rfc3339 } from '@berth/kit';
import { isNotFound } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { type CorrelatedEvent, EventCorrelator } from './event-correlator.ts';
import { EventNames } from './event-names.ts';
import { EventOutbox } from './event-outbox.ts';
import type { EventOptions, EventRecorder } from './event-recorder.ts';
import { referenceTo } from './event-reference.ts';
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
  readonly #outbox: EventOutbox;
  readonly #names: EventNames;
  readonly #correlator = new EventCorrelator();

  constructor(client: KubeClient, options: EventRecorderOptions) {
    this.#client = client;
    this.#options = options;
    this.#outbox = new EventOutbox(options);
    this.#names = new EventNames(options);
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, more: EventOptions = {}): void {
    const { clock, log } = this.#options;
    const { kind, apiVersion, metadata } = about;
    if (!kind || !apiVersion || !metadata.name) {
      log.error('could not report an event about an object without kind or name', { reason, message });
      return;
    }
    const correlated = this.#correlator.correlate(
      this.#make(about, { type, reason, message }, more),
      clock.monotonicMs(),
    );
    if (!correlated) return;
    this.#outbox.post({ reason, object: metadata.name, send: (signal) => this.#write(correlated, signal) });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#outbox[Symbol.asyncDispose]();
  }

  #make(
    about: KubeObject,
    words: Pick<Event, 'type' | 'reason' | 'message'>,
    { fieldPath, annotations }: EventOptions,
  ): Event {
    const { component, host, clock } = this.#options;
    const { name, namespace } = about.metadata;
    const now = rfc3339(clock.now());
    return {
      metadata: {
        name: this.#names.next(name),
        namespace: namespace || 'default',
        ...(annotations ? { annotations: { ...annotations } } : {}),
      },
      involvedObject: referenceTo(about, fieldPath),
      ...words,
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  async #write({ event, repeated }: CorrelatedEvent, signal: AbortSignal): Promise<void> {
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

import { type Clock, type Logger, type Rng, rfc3339Micro } from '@berth/kit';
import { isNotFound } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { EventNames } from './event-names.ts';
import { EventOutbox } from './event-outbox.ts';
import type { EventOptions, EventRecorder } from './event-recorder.ts';
import { referenceTo } from './event-reference.ts';
import { resources } from './gen/resources.ts';
import type { EventsV1Event } from './gen/types.ts';
import { LruMap } from './lru-map.ts';
import type { KubeObject } from './resource-type.ts';

export interface EventSeriesRecorderOptions {
  /** Who emits: `default-scheduler`. */
  readonly controller: string;
  /** Which of them: `default-scheduler-HOST`. */
  readonly instance: string;
  readonly clock: Clock;
  readonly rng?: Rng;
  readonly log: Logger;
}

/** client-go tools/events: without a repeat for this long a series is over, and within it the server is told once. */
const seriesMs = 360_000;
const maxSeries = 4096;
const maxNoteLength = 1024;

interface Series {
  readonly event: EventsV1Event;
  count: number;
  lastMs: number;
  toldMs: number;
}

/** A recorder of events.k8s.io events, which have no count: repeats make a series (client-go tools/events). */
export function createEventSeriesRecorder(
  client: KubeClient,
  options: EventSeriesRecorderOptions,
): EventRecorder & AsyncDisposable {
  return new SeriesRecorder(client, options);
}

class SeriesRecorder implements EventRecorder, AsyncDisposable {
  readonly #client: KubeClient;
  readonly #options: EventSeriesRecorderOptions;
  readonly #outbox: EventOutbox;
  readonly #names: EventNames;
  readonly #series = new LruMap<string, Series>(maxSeries);

  constructor(client: KubeClient, options: EventSeriesRecorderOptions) {
    this.#client = client;
    this.#options = options;
    this.#outbox = new EventOutbox(options);
    this.#names = new EventNames(options);
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, more: EventOptions = {}): void {
    const { clock, log } = this.#options;
    const { name } = about.metadata;
    if (!about.kind || !about.apiVersion || !name) {
      log.error('could not report an event about an object without kind or name', { reason, message });
      return;
    }
    const now = clock.monotonicMs();
    const event = this.#make(about, { type, reason, note: shortened(message) }, more);
    const key = JSON.stringify([type, reason, event.action, event.regarding, event.related]);
    const known = this.#series.get(key);
    if (!known || now - known.lastMs > seriesMs) {
      this.#series.set(key, { event, count: 1, lastMs: now, toldMs: Number.NEGATIVE_INFINITY });
      const send = (signal: AbortSignal) => this.#client.create(resources.eventsV1Events, event, {}, signal);
      this.#outbox.post({ reason, object: name, send });
      return;
    }
    known.count++;
    known.lastMs = now;
    if (now - known.toldMs < seriesMs) return;
    known.toldMs = now;
    const series = { count: known.count, lastObservedTime: rfc3339Micro(clock.now()) };
    this.#outbox.post({ reason, object: name, send: (signal) => this.#repeat(known.event, series, signal) });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#outbox[Symbol.asyncDispose]();
  }

  #make(
    about: KubeObject,
    words: Pick<EventsV1Event, 'type' | 'reason' | 'note'>,
    { fieldPath, annotations, action, related }: EventOptions,
  ): EventsV1Event {
    const { clock, controller, instance } = this.#options;
    return {
      metadata: {
        name: this.#names.next(about.metadata.name),
        namespace: about.metadata.namespace || 'default',
        ...(annotations ? { annotations: { ...annotations } } : {}),
      },
      eventTime: rfc3339Micro(clock.now()),
      reportingController: controller,
      reportingInstance: instance,
      action: action ?? words.reason ?? '',
      regarding: referenceTo(about, fieldPath),
      ...(related ? { related: referenceTo(related) } : {}),
      ...words,
    };
  }

  async #repeat(event: EventsV1Event, series: { count: number; lastObservedTime: string }, signal: AbortSignal) {
    const { namespace, name = '' } = event.metadata;
    const patch = { type: 'strategic', patch: { series } } as const;
    try {
      await this.#client.patch(resources.eventsV1Events, { namespace, name }, patch, {}, signal);
    } catch (error) {
      // The first one's time to live has passed.
      if (!isNotFound(error)) throw error;
      await this.#client.create(resources.eventsV1Events, { ...event, series }, {}, signal);
    }
  }
}

function shortened(message: string): string {
  return message.length > maxNoteLength ? `${message.slice(0, maxNoteLength - 4)} ...` : message;
}

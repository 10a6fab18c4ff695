import type { Clock } from '@berth/kit';
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';
import type { Dealer } from './shuffle-sharding.ts';
import { mostSeats, type WorkEstimate } from './work-estimate.ts';

/** How long a request is taken to need before it is known (queueset.go's estimatedServiceDuration). */
const estimatedSeconds = 0.003;

export interface QueueSetLimits {
  readonly seats: number;
  /** Undefined: what finds no seat is refused at once. */
  readonly queuing: { readonly queues: number; readonly lengthLimit: number; readonly dealer: Dealer } | undefined;
  /** No limit at all; seats are only counted. */
  readonly exempt: boolean;
}

export interface FlowRequest {
  readonly schema: string;
  readonly distinguisher: string;
  readonly work: WorkEstimate;
  readonly info: RequestInfo;
  readonly user: User;
}

/** A request that is served or waits to be. */
export interface Ticket {
  readonly request: FlowRequest;
  readonly queue: Queue | undefined;
  readonly arrivedAt: number;
  /** In virtual time. */
  readonly arrival: number;
  startedAt: number | undefined;
  state: 'waiting' | 'running' | 'gone';
  /** Told when the wait ends with a seat. */
  wake: (() => void) | undefined;
}

/** Requests of some flows that wait, oldest first; it is forgotten when it is idle. */
export interface Queue {
  readonly index: number;
  readonly waiting: Set<Ticket>;
  readonly running: Set<Ticket>;
  /** When its next request would start, in virtual time. */
  nextDispatch: number;
  seatsInUse: number;
  seatsWaiting: number;
  initialSeatsWaiting: number;
  workWaiting: number;
}

export type Refusal = 'queue-full' | 'concurrency-limit';

/**
 * The seats of one priority level and the queues before them: fair queuing for requests, by virtual time
 * (apiserver fairqueuing/queueset). Virtual time runs as fast as each busy queue is served if all were served equally;
 * the queue whose next request would end first in it is next. Queues exist while something is in them.
 */
export class QueueSet {
  readonly counts = { dispatched: 0, rejected: 0, cancelled: 0 };
  readonly #clock: Clock;
  readonly #noteDemand: (seats: number) => void;
  readonly #queues = new Map<number, Queue>();
  readonly #queueless = new Set<Ticket>();
  #limits: QueueSetLimits;
  #virtual = 0;
  #syncedAt: number;
  #robin = -1;
  #enqueues = 0;
  #waiting = 0;
  #running = 0;
  #seatsInUse = 0;
  #seatsWaiting = 0;

  /** `noteDemand` hears how many seats are used and waited for, whenever that changes. */
  constructor(clock: Clock, limits: QueueSetLimits, noteDemand: (seats: number) => void = () => undefined) {
    this.#clock = clock;
    this.#limits = limits;
    this.#noteDemand = noteDemand;
    this.#syncedAt = clock.monotonicMs();
  }

  get limits(): QueueSetLimits {
    return this.#limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  get seatsInUse(): number {
    return this.#seatsInUse;
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#running === 0;
  }

  /** In seat-seconds. */
  get virtualTime(): number {
    this.#sync();
    return this.#virtual;
  }

  get queues(): ReadonlyMap<number, Queue> {
    return this.#queues;
  }

  /** Requests that went through no queue. */
  get queueless(): ReadonlySet<Ticket> {
    return this.#queueless;
  }

  configure(limits: QueueSetLimits): void {
    this.#sync();
    this.#limits = limits;
    this.#dispatchAll();
  }

  /** A seat, a place in a queue, or neither. */
  start(request: FlowRequest): Ticket | Refusal {
    this.#sync();
    const { queuing } = this.#limits;
    const seats = mostSeats(request.work);
    if (!queuing) {
      if (!this.#hasRoom(seats)) return this.#refuse('concurrency-limit');
      const ticket = this.#ticket(request, undefined);
      this.#queueless.add(ticket);
      this.#run(ticket);
      return ticket;
    }
    const queue = this.#shortestOf(queuing.dealer.handOf(request.schema, request.distinguisher));
    if (this.#seatsInUse >= this.#limits.seats && queue.waiting.size >= queuing.lengthLimit) {
      this.#forgetIfIdle(queue);
      return this.#refuse('queue-full');
    }
    const ticket = this.#ticket(request, queue);
    if (queue.waiting.size === 0 && queue.running.size === 0) queue.nextDispatch = this.#virtual;
    this.#enqueue(queue, ticket);
    this.#dispatchAll();
    return ticket;
  }

  /** It gave up waiting. */
  cancel(ticket: Ticket): void {
    if (ticket.state !== 'waiting' || !ticket.queue) return;
    this.#sync();
    ticket.state = 'gone';
    this.#dequeue(ticket.queue, ticket);
    this.counts.rejected++;
    this.counts.cancelled++;
    this.#boundNext(ticket.queue);
    this.#forgetIfIdle(ticket.queue);
    this.#note();
  }

  /** It has been served; its seats are free now or, where watchers are still told, a little later. */
  finish(ticket: Ticket): void {
    if (ticket.state !== 'running') return;
    this.#sync();
    ticket.state = 'gone';
    this.#running--;
    const { queue, request } = ticket;
    if (queue) {
      queue.running.delete(ticket);
      const seconds = (this.#clock.monotonicMs() - (ticket.startedAt ?? 0)) / 1000;
      queue.nextDispatch -= request.work.initialSeats * (estimatedSeconds - seconds);
      this.#boundNext(queue);
    } else this.#queueless.delete(ticket);
    const { additionalMs } = request.work;
    if (additionalMs <= 0) this.#release(ticket);
    else
      this.#clock.schedule(additionalMs, () => {
        this.#sync();
        this.#release(ticket);
        this.#dispatchAll();
      });
    this.#dispatchAll();
  }

  #refuse(why: Refusal): Refusal {
    this.counts.rejected++;
    return why;
  }

  #ticket(request: FlowRequest, queue: Queue | undefined): Ticket {
    const arrivedAt = this.#clock.monotonicMs();
    return {
      request,
      queue,
      arrivedAt,
      arrival: this.#virtual,
      startedAt: undefined,
      state: 'waiting',
      wake: undefined,
    };
  }

  #run(ticket: Ticket): void {
    const seats = mostSeats(ticket.request.work);
    ticket.state = 'running';
    ticket.startedAt = this.#clock.monotonicMs();
    this.counts.dispatched++;
    this.#running++;
    this.#seatsInUse += seats;
    if (ticket.queue) {
      ticket.queue.running.add(ticket);
      ticket.queue.seatsInUse += seats;
    }
    this.#note();
    ticket.wake?.();
  }

  #release({ request, queue }: Ticket): void {
    const seats = mostSeats(request.work);
    this.#seatsInUse -= seats;
    if (queue) {
      queue.seatsInUse -= seats;
      this.#forgetIfIdle(queue);
    }
    this.#note();
  }

  #enqueue(queue: Queue, ticket: Ticket): void {
    const { work } = ticket.request;
    queue.waiting.add(ticket);
    queue.seatsWaiting += mostSeats(work);
    queue.initialSeatsWaiting += work.initialSeats;
    queue.workWaiting += workOf(work);
    this.#waiting++;
    this.#seatsWaiting += mostSeats(work);
    this.#note();
    this.#boundNext(queue);
  }

  #dequeue(queue: Queue, ticket: Ticket): void {
    const { work } = ticket.request;
    queue.waiting.delete(ticket);
    queue.seatsWaiting -= mostSeats(work);
    queue.initialSeatsWaiting -= work.initialSeats;
    queue.workWaiting = queue.waiting.size === 0 ? 0 : queue.workWaiting - workOf(work);
    this.#waiting--;
    this.#seatsWaiting -= mostSeats(work);
  }

  #note(): void {
    this.#noteDemand(this.#seatsInUse + this.#seatsWaiting);
  }

  /** Of a flow's queues the one with the least work before it; of equal ones another each time. */
  #shortestOf(hand: readonly number[]): Queue {
    const offset = this.#enqueues++ % hand.length;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < hand.length; i++) {
      const index = hand[(offset + i) % hand.length] as number;
      const work = this.#queues.get(index)?.workWaiting ?? 0;
      if (work >= least) continue;
      least = work;
      best = index;
    }
    const known = this.#queues.get(best);
    if (known) return known;
    const queue: Queue = {
      index: best,
      waiting: new Set(),
      running: new Set(),
      nextDispatch: this.#virtual,
      seatsInUse: 0,
      seatsWaiting: 0,
      initialSeatsWaiting: 0,
      workWaiting: 0,
    };
    this.#queues.set(best, queue);
    return queue;
  }

  #dispatchAll(): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#limits.seats && this.#dispatchOne());
  }

  #dispatchOne(): boolean {
    const queue = this.#nextQueue();
    const ticket = queue && first(queue.waiting);
    if (!ticket || !this.#hasRoom(mostSeats(ticket.request.work))) return false;
    this.#robin = queue.index;
    this.#dequeue(queue, ticket);
    this.#run(ticket);
    queue.nextDispatch += workOf(ticket.request.work);
    this.#boundNext(queue);
    return true;
  }

  /** Whose next request would end first; of equal ones the next after the last served. */
  #nextQueue(): Queue | undefined {
    let best: Queue | undefined;
    let bestEnd = Number.POSITIVE_INFINITY;
    let bestTurn = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      const ticket = first(queue.waiting);
      if (!ticket) continue;
      const end = queue.nextDispatch + workOf(ticket.request.work);
      const turn = queue.index > this.#robin ? queue.index - this.#robin : queue.index - this.#robin + 2 ** 32;
      if (end > bestEnd || (end === bestEnd && turn > bestTurn)) continue;
      best = queue;
      bestEnd = end;
      bestTurn = turn;
    }
    return best;
  }

  /** What is wider than the whole level may run alone. */
  #hasRoom(seats: number): boolean {
    const { exempt, seats: limit } = this.#limits;
    if (exempt) return true;
    return seats > limit ? this.#running === 0 : this.#seatsInUse + seats <= limit;
  }

  /** A queue is not paid for the time it had nothing to do. */
  #boundNext(queue: Queue): void {
    const oldest = first(queue.waiting);
    if (oldest && queue.nextDispatch < oldest.arrival) queue.nextDispatch = oldest.arrival;
  }

  #forgetIfIdle(queue: Queue): void {
    if (queue.waiting.size === 0 && queue.running.size === 0 && queue.seatsInUse === 0)
      this.#queues.delete(queue.index);
  }

  #sync(): void {
    const now = this.#clock.monotonicMs();
    const seconds = (now - this.#syncedAt) / 1000;
    this.#syncedAt = now;
    if (seconds <= 0 || this.#queues.size === 0) return;
    let active = 0;
    let wanted = 0;
    for (const queue of this.#queues.values()) {
      wanted += queue.seatsInUse + queue.seatsWaiting;
      if (queue.waiting.size > 0 || queue.running.size > 0) active++;
    }
    if (active > 0) this.#virtual += (Math.min(wanted, this.#limits.seats) / active) * seconds;
  }
}

/** In seat-seconds. */
function workOf({ initialSeats, finalSeats, additionalMs }: WorkEstimate): number {
  return initialSeats * estimatedSeconds + finalSeats * (additionalMs / 1000);
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  return set.values().next().value;
}

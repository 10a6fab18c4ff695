import type { Clock } from '@berth/kit';
import type { PriorityLevelConfigurationSpec } from '@berth/kube';
import { QueueSet, type QueueSetLimits } from './queue-set.ts';
import { SeatIntegrator } from './seat-integrator.ts';
import { Dealer } from './shuffle-sharding.ts';

export interface LevelObject {
  readonly name: string;
  readonly uid: string;
  readonly spec: PriorityLevelConfigurationSpec;
}

/** How much of a level one request may have (apf_controller.go's priorityLevelMaxSeatsPercent). */
const oneRequestShare = 0.15;
/** How slowly a level forgets that it was busy (seatDemandSmoothingCoefficient: half in five minutes). */
const smoothing = 0.977;

/** A priority level as it works: its seats, its queues, and what it wanted lately. */
export class PriorityLevel {
  readonly name: string;
  readonly queues: QueueSet;
  /** Seats its share gives it, and the least and most that lending and borrowing leave it. */
  nominal = 0;
  least = 0;
  most = 0;
  current = 0;
  /** Its object is gone; what waits in it is still served. */
  quiescing = false;
  readonly demand = { average: 0, deviation: 0, highWatermark: 0, smoothed: 0, target: 0 };
  readonly #integrator: SeatIntegrator;
  #object: LevelObject;
  #dealer: Dealer | undefined;

  /** @throws RangeError – queues that cannot be. */
  constructor(clock: Clock, object: LevelObject) {
    this.name = object.name;
    this.#object = object;
    this.#dealer = dealerOf(object.spec);
    this.#integrator = new SeatIntegrator(clock);
    this.queues = new QueueSet(clock, this.#limits(), (seats) => this.#integrator.set(seats));
  }

  get object(): LevelObject {
    return this.#object;
  }

  get isExempt(): boolean {
    return this.#object.spec.type === 'Exempt';
  }

  get shares(): number {
    const { exempt, limited } = this.#object.spec;
    return limited ? (limited.nominalConcurrencyShares ?? 30) : (exempt?.nominalConcurrencyShares ?? 0);
  }

  /** What one request may have at most; 0: the estimate's own limit. */
  get mostSeatsOfOne(): number {
    const queuing = this.#object.spec.limited?.limitResponse?.queuing;
    if (!queuing) return 0;
    const byHand = Math.floor(this.nominal / (queuing.handSize ?? 8));
    return Math.max(1, Math.min(Math.ceil(this.nominal * oneRequestShare), byHand));
  }

  /** @throws RangeError – queues that cannot be; it goes on as it was. */
  reconfigure(object: LevelObject): void {
    this.#dealer = sameQueues(this.#object.spec, object.spec) ? this.#dealer : dealerOf(object.spec);
    this.#object = object;
    this.quiescing = false;
  }

  /** Takes its part of all the server's seats. */
  share(nominal: number, serverSeats: number): void {
    const { exempt, limited } = this.#object.spec;
    const percent = (limited ?? exempt)?.lendablePercent ?? 0;
    const lendable = Math.round((nominal * percent) / 100);
    const borrowing = limited?.borrowingLimitPercent;
    const isNew = this.most === 0;
    this.nominal = nominal;
    this.least = nominal - lendable;
    this.most = nominal + (borrowing === undefined ? serverSeats : Math.round((nominal * borrowing) / 100));
    if (isNew) this.setSeats(nominal - Math.trunc(lendable / 2));
  }

  setSeats(seats: number): void {
    this.current = seats;
    this.queues.configure(this.#limits());
  }

  /** What was wanted since the last time, smoothed: quick to rise, slow to fall. */
  takeDemand(): void {
    const { seconds, average, deviation, max } = this.#integrator.take();
    const { demand } = this;
    demand.highWatermark = Math.round(max);
    if (seconds <= 0) return;
    demand.average = average;
    demand.deviation = Number.isNaN(deviation) ? 0 : deviation;
    const envelope = average + demand.deviation;
    demand.smoothed = Math.max(envelope, smoothing * demand.smoothed + (1 - smoothing) * envelope);
  }

  #limits(): QueueSetLimits {
    const queuing = this.#object.spec.limited?.limitResponse?.queuing;
    return {
      seats: this.current,
      exempt: this.isExempt,
      queuing:
        queuing && this.#dealer
          ? { queues: queuing.queues ?? 64, lengthLimit: queuing.queueLengthLimit ?? 50, dealer: this.#dealer }
          : undefined,
    };
  }
}

function dealerOf({ limited }: PriorityLevelConfigurationSpec): Dealer | undefined {
  const queuing = limited?.limitResponse?.queuing;
  return queuing && new Dealer(queuing.queues ?? 64, queuing.handSize ?? 8);
}

function sameQueues(a: PriorityLevelConfigurationSpec, b: PriorityLevelConfigurationSpec): boolean {
  const [one, other] = [a.limited?.limitResponse?.queuing, b.limited?.limitResponse?.queuing];
  return one?.queues === other?.queues && one?.handSize === other?.handSize;
}

import type { Clock, Logger } from '@berth/kit';
import { messageOf } from '@berth/kit';
import type { FlowSchemaSpec } from '@berth/kube';
import { allocateSeats } from './allocate-seats.ts';
import { type LevelObject, PriorityLevel } from './priority-level.ts';
import { schemaOrder } from './schema-order.ts';

export interface SchemaObject {
  readonly name: string;
  readonly uid: string;
  readonly spec: FlowSchemaSpec;
}

/** What is there without any object: requests have to go somewhere. */
export interface MandatoryObjects {
  readonly levels: readonly LevelObject[];
  readonly schemas: readonly SchemaObject[];
}

export interface PriorityLevelsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** `--max-requests-inflight` and `--max-mutating-requests-inflight` together. */
  readonly serverSeats: number;
  readonly mandatory: MandatoryObjects;
}

/** The levels and schemas in force, and how seats are lent between levels (apiserver util/flowcontrol apf_controller). */
export class PriorityLevels {
  readonly #o: PriorityLevelsOptions;
  #levels = new Map<string, PriorityLevel>();
  #schemas: readonly SchemaObject[] = [];
  #nominalSum = 0;
  #fairFraction = 0;

  constructor(options: PriorityLevelsOptions) {
    this.#o = options;
    this.digest([], []);
  }

  get all(): ReadonlyMap<string, PriorityLevel> {
    return this.#levels;
  }

  /** None of what has to be there is only imagined. */
  get hasAllMandatory(): boolean {
    return this.#o.mandatory.levels.every(({ name }) => this.#levels.get(name)?.object.uid !== '');
  }

  /** In the order in which they are asked. */
  get schemas(): readonly SchemaObject[] {
    return this.#schemas;
  }

  get fairFraction(): number {
    return this.#fairFraction;
  }

  /** Takes over what the objects say now. @returns names of schemas whose level is missing. */
  digest(levels: readonly LevelObject[], schemas: readonly SchemaObject[]): ReadonlySet<string> {
    const next = new Map<string, PriorityLevel>();
    for (const object of levels) this.#takeLevel(object, next);
    const dangling = this.#takeSchemas(schemas, next);
    for (const [name, level] of this.#levels) if (!next.has(name)) this.#keepOrDrop(name, level, next);
    for (const object of this.#o.mandatory.levels)
      if (!next.has(object.name)) next.set(object.name, new PriorityLevel(this.#o.clock, object));
    this.#levels = next;
    this.#shareSeats();
    return dangling;
  }

  /** Nothing is left of a level without an object once nothing waits in it. */
  reap(): void {
    for (const [name, level] of this.#levels)
      if (level.quiescing && level.queues.isIdle) {
        this.#levels.delete(name);
        this.#shareSeats();
      }
  }

  /** Gives levels that were busy what others did not need (done every ten seconds). */
  updateBorrowing(): void {
    const limited = [...this.#levels.values()].filter((level) => !level.isExempt);
    let remaining = this.#nominalSum;
    for (const level of this.#levels.values()) {
      level.takeDemand();
      if (!level.isExempt) continue;
      const seats = Math.max(level.least, level.demand.highWatermark);
      level.demand.target = seats;
      remaining -= seats;
      level.setSeats(seats);
    }
    const seats = this.#divide(limited, remaining);
    for (const [i, level] of limited.entries()) level.setSeats(seats[i] as number);
  }

  #divide(levels: readonly PriorityLevel[], remaining: number): readonly number[] {
    const wishes = levels.map(({ least, most, nominal, demand }) => {
      const floor = Math.max(least, Math.min(nominal, demand.highWatermark));
      return { least: floor, most, target: Math.max(floor, demand.smoothed), guaranteed: least };
    });
    for (const [i, level] of levels.entries()) level.demand.target = wishes[i]?.target ?? 0;
    const guaranteed = wishes.reduce((sum, wish) => sum + wish.guaranteed, 0);
    const wanted = wishes.reduce((sum, wish) => sum + wish.least, 0);
    this.#fairFraction = 0;
    if (remaining <= guaranteed) return wishes.map((wish) => wish.guaranteed);
    if (remaining <= wanted) {
      const part = (remaining - guaranteed) / (wanted - guaranteed);
      return wishes.map((wish) => wish.guaranteed + Math.round((wish.least - wish.guaranteed) * part));
    }
    try {
      const allocation = allocateSeats(this.#nominalSum, wishes);
      this.#fairFraction = allocation.fairFraction;
      return allocation.seats.map(Math.round);
    } catch (error) {
      this.#o.log.error('seats stay as they are lent', { reason: messageOf(error) });
      return levels.map(({ current }) => current);
    }
  }

  #takeLevel(object: LevelObject, next: Map<string, PriorityLevel>): void {
    const known = this.#levels.get(object.name);
    try {
      if (known) known.reconfigure(object);
      next.set(object.name, known ?? new PriorityLevel(this.#o.clock, object));
    } catch (error) {
      // Validation refuses such a spec; an older server may have stored it.
      this.#o.log.warn('a priority level is ignored', { level: object.name, reason: messageOf(error) });
    }
  }

  #takeSchemas(schemas: readonly SchemaObject[], levels: ReadonlyMap<string, PriorityLevel>): ReadonlySet<string> {
    const dangling = new Set<string>();
    const good = schemas.filter(({ name, spec }) => {
      const found = levels.has(spec.priorityLevelConfiguration.name);
      if (!found) dangling.add(name);
      return found;
    });
    const missing = this.#o.mandatory.schemas.filter(({ name }) => !good.some((each) => each.name === name));
    this.#schemas = [...good, ...missing].toSorted(schemaOrder);
    return dangling;
  }

  #keepOrDrop(name: string, level: PriorityLevel, next: Map<string, PriorityLevel>): void {
    const mandatory = this.#o.mandatory.levels.some((each) => each.name === name);
    if (!mandatory && level.queues.isIdle) return;
    level.quiescing = !mandatory;
    next.set(name, level);
  }

  #shareSeats(): void {
    const levels = [...this.#levels.values()];
    const shares = levels.reduce((sum, level) => sum + level.shares, 0);
    this.#nominalSum = 0;
    for (const level of levels) {
      const nominal = Math.ceil((this.#o.serverSeats * level.shares) / shares);
      level.share(nominal, this.#o.serverSeats);
      this.#nominalSum += nominal;
    }
    this.updateBorrowing();
  }
}

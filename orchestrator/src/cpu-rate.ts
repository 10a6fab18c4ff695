import type { Clock } from '@berth/kit';

interface Sample {
  readonly atMs: number;
  readonly cpuNanoseconds: number;
  readonly nanoCores: number | undefined;
}

/** A rate over less than this is noise. */
const minRateMs = 100;
/** Nobody asks for it any more, or it is gone (criStatsProvider's defaultCachePeriod). */
const forgetMs = 600_000;

/** How much of processors something uses, over the time since it was last asked for. */
export class CpuRate {
  readonly #clock: Clock;
  readonly #samples = new Map<string, Sample>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In nanocores, by the processor time used until now; undefined the first time. */
  rate(key: string, cpuNanoseconds: number): number | undefined {
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.get(key);
    if (last && atMs - last.atMs < minRateMs) return last.nanoCores;
    if (!last)
      for (const [other, sample] of this.#samples) if (atMs - sample.atMs > forgetMs) this.#samples.delete(other);
    const nanoCores = last && Math.max(0, ((cpuNanoseconds - last.cpuNanoseconds) / (atMs - last.atMs)) * 1000);
    this.#samples.set(key, { atMs, cpuNanoseconds, nanoCores });
    return nanoCores;
  }
}

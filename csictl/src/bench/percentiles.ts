/** How long the calls of one step took. */
export interface StepStatistics {
  readonly step: string;
  readonly count: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
}

/** Statistics of a step; zeros where it never succeeded. */
export function statisticsOf(step: string, timesMs: readonly number[], errors: number): StepStatistics {
  const sorted = [...timesMs].sort((a, b) => a - b);
  // The smallest value that so many are not above (nearest rank).
  const rank = (part: number) => round(sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0);
  const sum = sorted.reduce((total, ms) => total + ms, 0);
  return {
    step,
    count: sorted.length,
    errors,
    p50Ms: rank(0.5),
    p90Ms: rank(0.9),
    p99Ms: rank(0.99),
    maxMs: rank(1),
    meanMs: round(sorted.length === 0 ? 0 : sum / sorted.length),
  };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

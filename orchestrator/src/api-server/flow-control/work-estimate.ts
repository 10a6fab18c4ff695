/** How much of a level a request takes (apiserver flowcontrol WorkEstimate). */
export interface WorkEstimate {
  /** While it is served. */
  readonly initialSeats: number;
  /** Afterwards, while those who watch what it wrote are told. */
  readonly finalSeats: number;
  readonly additionalMs: number;
}

export function mostSeats({ initialSeats, finalSeats }: WorkEstimate): number {
  return Math.max(initialSeats, finalSeats);
}

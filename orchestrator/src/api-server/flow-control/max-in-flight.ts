import { isLongRunning, isMutating } from '../request-info.ts';
import type { Admitted, Arrival, InFlight, Refused } from './in-flight.ts';

export interface MaxInFlightOptions {
  /** `--max-requests-inflight`; 0: no limit. */
  readonly readOnly: number;
  /** `--max-mutating-requests-inflight`; 0: no limit. */
  readonly mutating: number;
}

const unlimited: Admitted = { admitted: true, headers: {}, started: () => undefined, finish: () => undefined };
const refused: Refused = { admitted: false, headers: {}, retryAfterSeconds: 1 };

/** Refuses what comes while as many as may be are served (apiserver filters WithMaxInFlightLimit): no queue, no fairness. */
export class MaxInFlight implements InFlight {
  readonly #limits: MaxInFlightOptions;
  #readOnly = 0;
  #mutating = 0;

  constructor(limits: MaxInFlightOptions) {
    this.#limits = limits;
  }

  enter({ info, user }: Arrival): Admitted | Refused {
    if (isLongRunning(info)) return unlimited;
    const mutating = isMutating(info);
    const limit = mutating ? this.#limits.mutating : this.#limits.readOnly;
    if (limit === 0) return unlimited;
    if ((mutating ? this.#mutating : this.#readOnly) >= limit)
      // Whoever runs the cluster must get through when it is flooded.
      return user.groups.includes('system:masters') ? unlimited : refused;
    this.#count(mutating, 1);
    let open = true;
    const finish = () => {
      if (open) this.#count(mutating, -1);
      open = false;
    };
    return { admitted: true, headers: {}, started: () => undefined, finish };
  }

  #count(mutating: boolean, by: number): void {
    if (mutating) this.#mutating += by;
    else this.#readOnly += by;
  }
}

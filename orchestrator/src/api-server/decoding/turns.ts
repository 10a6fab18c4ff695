import { SmallSteps, Turns } from '@berth/kit';

/**
 * About as much as ten milliseconds have room for: a unit is looking at one condition of a selector, a request that reads
 * one object some hundreds.
 */
const unitsATurn = 50_000;

/** A thread has one event loop, so there is one of these. */
export const turns = new Turns(unitsATurn);

/** A tenth of a millisecond: ten times what it takes to wait for the next step behind thousands of others. */
const unitsTogether = 500;

/** Of one piece of work. */
export function smallSteps(): SmallSteps {
  return new SmallSteps(turns, unitsTogether);
}

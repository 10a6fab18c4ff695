import { Turns } from '@berth/kit';

/** Each takes a fifth of a millisecond of this thread, for its pipes most of all. */
const startsATurn = 16;

/** Of the programs that are to start at once so many are begun in a turn of the event loop. */
export const startTurns = new Turns(startsATurn);

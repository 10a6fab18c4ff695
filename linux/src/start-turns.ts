import { Turns } from '@berth/kit';

/** Each is a fork of this process, which takes milliseconds by its size. */
const startsATurn = 3;

/** Of the programs that many pods need at once so many are started in a turn of the event loop. */
export const startTurns = new Turns(startsATurn);

import { isMutating, type RequestInfo } from '../request-info.ts';
import type { ObjectCounts } from './object-counts.ts';
import type { WatchCounts } from './watch-counts.ts';
import type { WorkEstimate } from './work-estimate.ts';

/** Upstream's numbers (apiserver flowcontrol/request config and list_work_estimator). */
const bytesPerSeat = 100_000;
/** What a list from memory has in hand at once, since it is sent piece by piece. */
const mostBytesAtOnce = 1_000_000;
const mostListSeats = 100;
const mostWriteSeats = 10;
const watchesPerSeat = 10;
const msPerEvent = 5;

const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };

/** How many seats requests take: lists by what they read, writes by whom they wake. */
export class WorkEstimator {
  readonly #objects: ObjectCounts;
  readonly #watches: WatchCounts;

  constructor(objects: ObjectCounts, watches: WatchCounts) {
    this.#objects = objects;
    this.#watches = watches;
  }

  /** `mostSeats`: what the priority level lets one request have; 0 where it says nothing. */
  estimate(info: RequestInfo, query: URLSearchParams, mostSeats: number): WorkEstimate {
    if (!info.isResource) return oneSeat;
    if (info.verb === 'list' || info.verb === 'watch') return this.#read(info, query, mostSeats);
    return isMutating(info) && info.verb !== 'deletecollection' && info.verb !== ''
      ? this.#write(info, mostSeats)
      : oneSeat;
  }

  #read(info: RequestInfo, query: URLSearchParams, mostSeats: number): WorkEstimate {
    if (info.verb === 'watch' && !sendsState(query)) return oneSeat;
    const known = this.#objects.of(info.group, info.resource);
    if (!known) return oneSeat;
    const limit = Number(query.get('limit') ?? 0);
    const read = info.name !== '' ? 1 : limit > 0 ? Math.min(limit, known.count) : known.count;
    const bytes = Math.min(read * known.averageBytes, mostBytesAtOnce);
    const most = mostSeats === 0 ? mostListSeats : Math.min(mostSeats, mostListSeats);
    const seats = Math.min(Math.max(Math.ceil(bytes / bytesPerSeat), 1), most);
    return seats === 1 ? oneSeat : { initialSeats: seats, finalSeats: 0, additionalMs: 0 };
  }

  #write(info: RequestInfo, mostSeats: number): WorkEstimate {
    // A token is no object that anyone watches.
    if (info.resource === 'serviceaccounts' && info.subresource === 'token') return oneSeat;
    const watches = this.#watches.interestedIn(info);
    if (watches < watchesPerSeat) return oneSeat;
    const seats = Math.ceil(watches / watchesPerSeat);
    const most = mostSeats === 0 ? mostWriteSeats : Math.min(mostSeats, mostWriteSeats);
    const finalSeats = Math.min(seats, most);
    return { initialSeats: 1, finalSeats, additionalMs: (seats * msPerEvent) / finalSeats };
  }
}

/** Only a watch that begins with what there is reads it. */
function sendsState(query: URLSearchParams): boolean {
  const initial = query.get('sendInitialEvents');
  if (initial !== null && initial !== 'false' && initial !== '0') return true;
  const revision = query.get('resourceVersion') ?? '';
  return revision === '' || revision === '0';
}

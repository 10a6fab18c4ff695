import { grpcError } from '@berth/protos';

/** A page holds no more than this, so that an answer stays far below gRPC's 4 MB. */
const maxPage = 1000;

/** How many entries a page may have. @throws GrpcError INVALID_ARGUMENT – a negative number. */
export function pageSize(maxEntries: number): number {
  if (maxEntries < 0) throw grpcError('INVALID_ARGUMENT', `max_entries is ${maxEntries}; it may not be negative`);
  return maxEntries === 0 ? maxPage : Math.min(maxEntries, maxPage);
}

/** The sequence a page begins after. @throws GrpcError ABORTED – not a token of ours; `last` is the highest sequence ever given. */
export function sequenceOf(token: string, last: () => number): number {
  if (token === '') return 0;
  const sequence = Number(/^after-(\d{1,15})$/.exec(token)?.[1] ?? Number.NaN);
  if (Number.isNaN(sequence) || sequence > last()) {
    throw grpcError('ABORTED', 'starting_token is not one this driver gave; list again from the beginning');
  }
  return sequence;
}

/** The token of the page after one that ends with this sequence. */
export function tokenAfter(sequence: number | undefined): string {
  return `after-${sequence}`;
}

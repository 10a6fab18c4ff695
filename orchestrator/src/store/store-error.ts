import { CodedError } from '@berth/kit';

/** See {@link Store} for when each is thrown. */
export type StoreErrorCode =
  | 'Compacted'
  | 'Future'
  | 'Full'
  | 'Corrupt'
  | 'Locked'
  | 'TooLarge'
  | 'Unavailable'
  | 'Uncertain'
  | 'Unusable'
  | 'Closed';

/** The store refused or could not do what was asked; but for `Uncertain`, nothing was changed by the call that throws it. */
export class StoreError extends CodedError<StoreErrorCode> {}

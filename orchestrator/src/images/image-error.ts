import { CodedError } from '@berth/kit';

/** Why an image could not be loaded, pulled or found. `NotFound`, `Invalid` (broken archive or name), `Denied`, `Unavailable` (registry), `Full`, `InUse`. */
export class ImageError extends CodedError<'NotFound' | 'Invalid' | 'Denied' | 'Unavailable' | 'Full' | 'InUse'> {}

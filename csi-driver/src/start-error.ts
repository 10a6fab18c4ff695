import { CodedError } from '@berth/kit';

/** The driver could not start because of what it was given. `Usage` is a wrong flag. */
export class StartError extends CodedError<'Usage' | 'Endpoint' | 'Pool'> {}

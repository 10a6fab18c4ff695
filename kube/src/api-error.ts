import { CodedError } from '@berth/kit';
import type { Status } from './gen/types.ts';

/** `metav1.StatusReason` with the HTTP code each travels with (apimachinery api/errors). */
export const statusReasons = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  Conflict: 409,
  AlreadyExists: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  Unknown: 500,
} as const;

export type StatusReason = keyof typeof statusReasons;

/** A request the API server refused, on either side of the wire; `status` is what travels. */
export class ApiError extends CodedError<StatusReason> {
  readonly status: Status;

  constructor(status: Status, options: { cause?: unknown } = {}) {
    super(reasonOf(status), status.message ?? status.reason ?? `status ${status.code}`, options);
    this.status = status;
  }
}

function reasonOf(status: Status): StatusReason {
  return status.reason !== undefined && status.reason in statusReasons ? (status.reason as StatusReason) : 'Unknown';
}

export interface ApiErrorDetails {
  readonly details?: Status['details'];
  /** Where it differs from the reason's usual code. */
  readonly code?: number;
}

/** An ApiError of `reason` with its usual HTTP code. */
export function apiError(reason: StatusReason, message: string, { details, code }: ApiErrorDetails = {}): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === 'Unknown' ? {} : { reason }),
    ...(details ? { details } : {}),
    code: code ?? statusReasons[reason],
  });
}

export function isReason(error: unknown, ...reasons: readonly StatusReason[]): error is ApiError {
  return error instanceof ApiError && reasons.includes(error.code);
}

export const isNotFound = (error: unknown): error is ApiError => isReason(error, 'NotFound');
export const isConflict = (error: unknown): error is ApiError => isReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): error is ApiError => isReason(error, 'AlreadyExists');

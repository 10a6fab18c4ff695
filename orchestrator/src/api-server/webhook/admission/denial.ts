import { ApiError, apiError, type Status } from '@berth/kube';

/** A webhook said no. */
export class WebhookDenial extends ApiError {}

/** A webhook's refusal as its client gets it (apiserver webhook/errors.ToStatusErr). */
export function denial(name: string, result: Readonly<Record<string, unknown>> | undefined): WebhookDenial {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const { code, reason, message, details } = (result ?? {}) as Partial<Status>;
  const said = [message, reason].find((text) => typeof text === 'string' && text !== '');
  return new WebhookDenial({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: said === undefined ? `${by} without explanation` : `${by}: ${said}`,
    ...(typeof reason === 'string' && reason !== '' ? { reason } : {}),
    ...(typeof details === 'object' && details !== null ? { details } : {}),
    // Nothing below this is a refusal, nothing above an HTTP status.
    code: Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599 ? (code as number) : 400,
  });
}

/** A webhook with side effects is not asked about what will not happen. */
export function dryRunUnsupported(name: string): ApiError {
  return apiError('BadRequest', `admission webhook ${JSON.stringify(name)} does not support dry run`);
}

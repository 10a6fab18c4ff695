import { ApiError, apiError, type StatusReason, statusReasons } from './api-error.ts';
import type { Status } from './gen/types.ts';
import { isRecord } from './json-value.ts';
import type { ApiRequest } from './transport.ts';

/** The error an answer of 400 and above stands for, also where a proxy made it and it carries no Status. */
export function errorOfAnswer(code: number, body: string, { method, path }: ApiRequest): ApiError {
  const status = parseStatus(body);
  if (status) return new ApiError({ ...status, code: status.code ?? code });
  const reason =
    (Object.keys(statusReasons) as StatusReason[]).find((name) => statusReasons[name] === code) ?? 'Unknown';
  const words = body.trim().slice(0, 512) || `the server answered ${code}`;
  return apiError(reason, `${method} ${path.split('?')[0]}: ${words}`, { code });
}

function parseStatus(body: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) && value['kind'] === 'Status' ? (value as unknown as Status) : undefined;
  } catch {
    return undefined;
  }
}

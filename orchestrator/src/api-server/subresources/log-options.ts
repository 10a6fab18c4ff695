import { messageOf } from '@berth/kit';
import { apiError, parseTime } from '@berth/kube';
import type { LogOptions } from '../../node-api.ts';
import { booleanOf, integerOf } from '../query-values.ts';
import type { FieldError } from '../resource-definition.ts';
import { forbidden, invalid } from '../resources/field.ts';

/** What a query asks of a container's log (v1 PodLogOptions). @throws ApiError BadRequest – it cannot be read. */
export function logOptionsOf(query: URLSearchParams): LogOptions {
  const flag = (name: string) => booleanOf(query, name) || undefined;
  const options = {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    tailLines: integerOf(query, 'tailLines'),
    limitBytes: integerOf(query, 'limitBytes'),
    sinceSeconds: integerOf(query, 'sinceSeconds'),
    sinceTime: timeOf(query.get('sinceTime')),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as LogOptions;
}

function timeOf(text: string | null): string | undefined {
  // Old clients send what their JSON would have.
  if (text === null || text === '' || text === 'null') return undefined;
  try {
    parseTime(text);
    return text;
  } catch (error) {
    throw apiError('BadRequest', messageOf(error));
  }
}

/** What is wrong with it (ValidatePodLogOptions); one stream of several is not chosen yet (feature PodLogsQuerySplitStreams). */
export function logOptionErrors(options: LogOptions, query: URLSearchParams): FieldError[] {
  const { tailLines = 0, limitBytes = 1, sinceSeconds = 1, sinceTime } = options;
  const both = options.sinceSeconds !== undefined && sinceTime !== undefined;
  return [
    ...(tailLines < 0 ? [invalid('tailLines', tailLines, 'must be greater than or equal to 0')] : []),
    ...(limitBytes < 1 ? [invalid('limitBytes', limitBytes, 'must be greater than 0')] : []),
    ...(both ? [forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified')] : []),
    ...(!both && sinceSeconds < 1 ? [invalid('sinceSeconds', sinceSeconds, 'must be greater than 0')] : []),
    ...(query.has('stream') ? [forbidden('stream', 'may not be specified')] : []),
  ];
}

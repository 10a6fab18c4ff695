import { invalid } from './invalid.ts';
import { booleanOf, integerOf } from './query-values.ts';
import type { FieldError } from './resource-definition.ts';

/** What a list, watch or deletecollection asks in its query (metav1.ListOptions). */
export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

/** @throws ApiError BadRequest, Invalid – upstream's ValidateListOptions. */
export function listOptionsOf(query: URLSearchParams, verb: 'list' | 'watch'): ListOptions {
  const options: ListOptions = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: integerOf(query, 'limit') ?? 0,
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    timeoutSeconds: integerOf(query, 'timeoutSeconds'),
    allowWatchBookmarks: booleanOf(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: booleanOf(query, 'sendInitialEvents'),
  };
  const errors = verb === 'watch' ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
  return options;
}

const field = 'resourceVersionMatch';

function forbidden(where: string, why: string): FieldError {
  return { reason: 'FieldValueForbidden', field: where, message: `Forbidden: ${why}` };
}

function notSupported(value: string, supported: readonly string[]): FieldError {
  const list = supported.map((each) => JSON.stringify(each)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', field, message };
}

function watchErrors(options: ListOptions): FieldError[] {
  const { sendInitialEvents, resourceVersionMatch: match } = options;
  // A watch from the beginning is one that asks for initial events (SetListOptionsDefaults).
  if (sendInitialEvents === undefined && match === '')
    return /^0?$/.test(options.resourceVersion) ? continueErrors(options) : [];
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match === '') return errors;
  if (sendInitialEvents === undefined)
    errors.push(forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  if (match !== 'NotOlderThan') errors.push(notSupported(match, ['NotOlderThan']));
  return [...errors, ...continueErrors(options)];
}

function continueErrors(options: ListOptions): FieldError[] {
  if (options.continue === '') return [];
  return [forbidden(field, 'resourceVersionMatch is forbidden when continue is provided')];
}

function listErrors(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '')
      errors.push(forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    errors.push(...continueErrors(options));
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported(match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && resourceVersion === '0')
      errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined)
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

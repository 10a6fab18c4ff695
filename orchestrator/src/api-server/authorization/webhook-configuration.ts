import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { durationComplaint, durationMs, durationText } from '../go-duration.ts';
import type { FieldError } from '../resource-definition.ts';
import { child, duplicate, invalid, notSupported, notSupportedPlain, required, tooMany } from '../resources/field.ts';
import type { WebhookSettings } from './authorization-options.ts';
import { defaultAuthorizedTtlMs, defaultUnauthorizedTtlMs } from './authorization-options.ts';
import type { WebhookFields } from './configuration-schema.ts';
import { ConditionError, MatchConditions } from './match-review.ts';

const mostConditions = 64;
const longestTimeoutMs = 30_000;

/** A webhook of a file, with what is not said filled in; adds what is wrong to `errors` (ValidateWebhookConfiguration). @throws Error – a duration that is none. */
export function webhookOf(fields: WebhookFields, at: string, errors: FieldError[]): WebhookSettings {
  const { cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true, connectionInfo } = fields;
  const timeoutMs = durationOf(fields.timeout);
  if (timeoutMs === 0) errors.push(required(child(at, 'timeout')));
  else if (timeoutMs < 0 || timeoutMs > longestTimeoutMs)
    errors.push(invalid(child(at, 'timeout'), durationText(timeoutMs), 'must be > 0s and <= 30s'));
  const ttl = (name: 'authorizedTTL' | 'unauthorizedTTL', usualMs: number) => {
    const ms = durationOf(fields[name]) || usualMs;
    if (ms < 0) errors.push(invalid(child(at, name), durationText(ms), 'must be > 0s'));
    return ms;
  };
  const authorizedTtlMs = ttl('authorizedTTL', defaultAuthorizedTtlMs);
  const unauthorizedTtlMs = ttl('unauthorizedTTL', defaultUnauthorizedTtlMs);
  const { subjectAccessReviewVersion: version = '', failurePolicy = '', matchConditions = [] } = fields;
  errors.push(
    ...oneOf(version, ['v1', 'v1beta1'], child(at, 'subjectAccessReviewVersion')),
    ...matchVersionErrors(fields, child(at, 'matchConditionSubjectAccessReviewVersion')),
    ...oneOf(failurePolicy, ['NoOpinion', 'Deny'], child(at, 'failurePolicy')),
    ...connectionErrors(connectionInfo, child(at, 'connectionInfo')),
  );
  const conditions = conditionsOf(matchConditions, child(at, 'matchConditions'), errors);
  return {
    configFile: connectionInfo.kubeConfigFile ?? '',
    version: version === 'v1' ? 'v1' : 'v1beta1',
    timeoutMs,
    authorizedTtlMs: cacheAuthorizedRequests ? authorizedTtlMs : 0,
    unauthorizedTtlMs: cacheUnauthorizedRequests ? unauthorizedTtlMs : 0,
    deniesOnError: failurePolicy === 'Deny',
    ...(conditions ? { conditions } : {}),
  };
}

function durationOf(text = '0s'): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new Error(durationComplaint(text));
  return ms;
}

function oneOf(text: string, known: readonly string[], at: string): FieldError[] {
  if (text === '') return [required(at)];
  return known.includes(text) ? [] : [notSupportedPlain(at, text, known)];
}

function matchVersionErrors(
  { matchConditionSubjectAccessReviewVersion: version = '', matchConditions = [] }: WebhookFields,
  at: string,
): FieldError[] {
  if (version !== '') return oneOf(version, ['v1'], at);
  return matchConditions.length > 0 ? [required(at, 'required if match conditions are specified')] : [];
}

function connectionErrors({ type = '', kubeConfigFile }: WebhookFields['connectionInfo'], at: string): FieldError[] {
  const file = child(at, 'kubeConfigFile');
  switch (type) {
    case '':
      return [required(child(at, 'type'))];
    case 'InClusterConfig':
      return kubeConfigFile === undefined
        ? []
        : [invalid(file, kubeConfigFile, 'can only be set when type=KubeConfigFile')];
    case 'KubeConfigFile':
      if (!kubeConfigFile) return [required(file)];
      return fileComplaint(kubeConfigFile).map((why) => invalid(file, kubeConfigFile, why));
    default: {
      const shown = { Type: type, KubeConfigFile: kubeConfigFile ?? null };
      return [notSupported(child(at, 'type'), shown, ['InClusterConfig', 'KubeConfigFile'])];
    }
  }
}

function fileComplaint(path: string): string[] {
  if (!isAbsolute(path)) return ['must be an absolute path'];
  try {
    return statSync(path).isFile() ? [] : ['must be a regular file'];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [`error loading file: stat ${path}: ${code === 'ENOENT' ? 'no such file or directory' : message}`];
  }
}

function conditionsOf(
  list: NonNullable<WebhookFields['matchConditions']>,
  at: string,
  errors: FieldError[],
): MatchConditions | undefined {
  if (list.length > mostConditions) errors.push(tooMany(at, list.length, mostConditions));
  if (list.length === 0 || list.length > mostConditions) return undefined;
  const conditions = new MatchConditions();
  const seen = new Set<string>();
  for (const [i, { expression = '' }] of list.entries()) {
    const field = `${at}[${i}].expression`;
    if (expression.trim() === '') errors.push(required(field));
    else if (seen.has(expression)) errors.push(duplicate(field, expression));
    else errors.push(...added(conditions, expression, field));
    seen.add(expression);
  }
  return conditions;
}

function added(conditions: MatchConditions, expression: string, field: string): FieldError[] {
  try {
    conditions.add(expression);
    return [];
  } catch (error) {
    if (error instanceof ConditionError) return [invalid(field, expression, error.message)];
    throw error;
  }
}

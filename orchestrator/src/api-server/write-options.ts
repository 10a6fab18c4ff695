import { invalid } from './invalid.ts';
import type { FieldError } from './resource-definition.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What create, update and patch take from their query (metav1.CreateOptions and its like). */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** The options as an object, for those who are asked about the request. */
  readonly asObject: () => object;
}

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** @throws ApiError Invalid – upstream's ValidateCreateOptions and its like. */
export function writeOptionsOf(query: URLSearchParams, kind: WriteOptionsKind): WriteOptions {
  const errors = dryRunErrors(query.getAll('dryRun'));
  const fieldValidation = query.get('fieldValidation') ?? '';
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    const message = `Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "", "Ignore", "Strict", "Warn"`;
    errors.push({ reason: 'FieldValueNotSupported', field: 'fieldValidation', message });
  }
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > 128)
    errors.push({
      reason: 'FieldValueTooLong',
      field: 'fieldManager',
      message: 'Too long: may not be more than 128 bytes',
    });
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
  return {
    dryRun: query.getAll('dryRun').includes('All'),
    // kubectl older than 1.25 says nothing and expects warnings at most: upstream's default since 1.25.
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    asObject: () => ({
      // A patch is an update to those who admit it.
      kind: kind === 'PatchOptions' ? 'UpdateOptions' : kind,
      apiVersion: 'meta.k8s.io/v1',
      ...(query.has('dryRun') ? { dryRun: query.getAll('dryRun') } : {}),
      ...(manager === '' ? {} : { fieldManager: manager }),
      ...(fieldValidation === '' ? {} : { fieldValidation }),
    }),
  };
}

export function dryRunErrors(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === 'All')) return [];
  const message = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`;
  return [{ reason: 'FieldValueNotSupported', field: 'dryRun', message }];
}

import { managerErrors } from './apply/manager-name.ts';
import { invalid } from './invalid.ts';
import type { FieldError } from './resource-definition.ts';
import { forbidden, required } from './resources/field.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What create, update and patch take from their query (metav1.CreateOptions and its like). */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** As the request names it; empty: it does not. */
  readonly fieldManager: string;
  /** Of an apply: to take over what others own. */
  readonly force?: boolean;
  /** The options as an object, for those who are asked about the request. */
  readonly asObject: () => object;
}

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** @throws ApiError Invalid – upstream's ValidateCreateOptions and its like. */
export function writeOptionsOf(query: URLSearchParams, kind: WriteOptionsKind, patch?: 'apply'): WriteOptions {
  const fieldValidation = query.get('fieldValidation') ?? '';
  const manager = query.get('fieldManager') ?? '';
  const force = forceOf(query);
  const errors = [
    ...(kind === 'PatchOptions' ? patchErrors({ manager, force, isApply: patch === 'apply' }) : []),
    ...managerErrors(manager, 'fieldManager'),
    ...dryRunErrors(query.getAll('dryRun')),
  ];
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    const message = `Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "", "Ignore", "Strict", "Warn"`;
    errors.push({ reason: 'FieldValueNotSupported', field: 'fieldValidation', message });
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
  return {
    dryRun: query.getAll('dryRun').includes('All'),
    // kubectl older than 1.25 says nothing and expects warnings at most: upstream's default since 1.25.
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    fieldManager: manager,
    ...(force === undefined ? {} : { force }),
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

/** Any text but these is true (apimachinery's conversion of query values). */
function forceOf(query: URLSearchParams): boolean | undefined {
  const value = query.get('force');
  return value === null ? undefined : !['false', '0'].includes(value.toLowerCase());
}

function patchErrors(given: { manager: string; force: boolean | undefined; isApply: boolean }): FieldError[] {
  if (given.isApply) return given.manager === '' ? [required('fieldManager', 'is required for apply patch')] : [];
  return given.force === undefined ? [] : [forbidden('force', 'may not be specified for non-apply patch')];
}

export function dryRunErrors(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === 'All')) return [];
  const message = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`;
  return [{ reason: 'FieldValueNotSupported', field: 'dryRun', message }];
}

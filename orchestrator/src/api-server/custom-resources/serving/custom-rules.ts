import { equalValues } from '@berth/kube';
import { nextGeneration } from '../../next-generation.ts';
import type { AnyObject, RequestContext, Rules } from '../../resource-definition.ts';
import { forbidden } from '../../resource-errors.ts';
import { qualifiedName } from '../../resources/names.ts';
import { readJsonPath } from '../json-path.ts';
import type { CustomChecks } from './custom-checks.ts';
import type { CustomForm } from './custom-form.ts';

export interface CustomRulesOptions {
  readonly group: string;
  readonly plural: string;
  readonly form: CustomForm;
  readonly hasStatus: boolean;
  readonly isTerminating: boolean;
  /** Paths without their leading dot. */
  readonly selectableFields: readonly string[];
  /** Made when first needed. */
  readonly checks: () => CustomChecks;
}

/** The rules of a custom resource (apiextensions registry/customresource). */
export function customRules(options: CustomRulesOptions): Rules {
  const { form, hasStatus, checks } = options;
  return {
    nameRule: 'dnsSubdomain',
    requiresRevision: true,
    default: (object) => {
      form.settleChanged(object);
      form.fill(object);
    },
    prepareForCreate: (object) => {
      if (options.isTerminating)
        throw forbidden(
          options,
          object.metadata.name ?? '',
          'create not allowed while custom resource definition is terminating',
        );
      if (hasStatus) delete object['status'];
      object.metadata.generation = 1;
    },
    prepareForUpdate: (next, old) => {
      if (hasStatus) takeOver(next, old, 'status');
      if (!equalValues(content(next), content(old))) next.metadata.generation = nextGeneration(old.metadata.generation);
    },
    ...(hasStatus ? { prepareForStatusUpdate: keepAllButStatus } : {}),
    checkAlso: async (next, old, about) => {
      for (const text of about.endpoint === 'status' ? [] : finalizerWarnings(next, old)) about.warn(text);
      return checks().errorsOf(next, old, about);
    },
    selectableFields: Object.fromEntries(
      options.selectableFields.map((path) => [path, (object: AnyObject) => selectable(object, path)]),
    ),
  };
}

function content({ metadata: _, ...rest }: AnyObject): object {
  return rest;
}

function takeOver(next: AnyObject, old: AnyObject, name: string): void {
  if (old[name] === undefined) delete next[name];
  else next[name] = old[name];
}

/** Everything but the status, and who manages it, stays as it was, metadata too. */
function keepAllButStatus(next: AnyObject, old: AnyObject, _context: RequestContext): void {
  const { status, metadata } = next;
  for (const name of Object.keys(next)) delete next[name];
  const { managedFields: _, ...kept } = old.metadata;
  Object.assign(next, old, {
    metadata: { ...kept, ...(metadata.managedFields ? { managedFields: metadata.managedFields } : {}) },
  });
  if (status === undefined) delete next['status'];
  else next['status'] = status;
}

/** As Go prints the value; empty where there is none. */
function selectable(object: AnyObject, path: string): string {
  const value = readJsonPath(object, `.${path}`)[0];
  return value === undefined || value === null ? '' : String(value);
}

const standard = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function finalizerWarnings(next: AnyObject, old: AnyObject | undefined): string[] {
  const before = old?.metadata.finalizers ?? [];
  const added = [...new Set(next.metadata.finalizers ?? [])].filter((name) => !before.includes(name)).sort();
  return added.flatMap((name) => {
    const at = `metadata.finalizers: ${JSON.stringify(name)}:`;
    const path = name.includes('.') ? ' including a path (/)' : '';
    return [
      ...qualifiedName(name).map((why) => `${at} ${why}`),
      ...(name.includes('/') || standard.has(name)
        ? []
        : [
            `${at} prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
          ]),
    ];
  });
}

import {
  groupVersionOf,
  groupVersionProblem,
  type MatchResources,
  type MutatingAdmissionPolicySpec,
  type ParamKind,
  type ParamRef,
  type ValidatingAdmissionPolicySpec,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../field.ts';
import { goSelectorText, validateLabelSelector } from '../label-selector.ts';
import { dns1035Label, dns1123Subdomain, pathSegment } from '../names.ts';
import { validateConditions } from '../resource/taints.ts';
import type { KindRules } from '../rules.ts';
import { oneOf, validateRule } from './webhooks.ts';

/** Admission policies are stored and checked in form; their CEL expressions wait for what evaluates them. */
export const validatingPolicyRules = policyRules('Validations', 'validations');
export const mutatingPolicyRules = policyRules('Mutations', 'mutations');
export const validatingBindingRules = bindingRules(true);
export const mutatingBindingRules = bindingRules(false);

function policyRules(column: string, list: 'validations' | 'mutations'): KindRules {
  return {
    statusKeepsMetadata: true,
    generation: { initial: true, of: ({ spec }) => spec },
    cells: {
      [column]: ({ spec }) => spec?.[list]?.length ?? 0,
      ParamKind: ({ spec }) => paramKind(spec?.paramKind),
    },
    rules: {
      default: ({ spec }) => {
        if (!spec) return;
        spec.failurePolicy ??= 'Fail';
        defaultMatch(spec.matchConstraints);
      },
      validate: (object) => policyErrors(object, list),
      validateStatusUpdate: ({ status }) => [
        ...typeCheckingErrors(status?.typeChecking?.expressionWarnings ?? []),
        ...validateConditions(status?.conditions ?? [], 'status.conditions'),
      ],
      checkAlso: list === 'validations' ? expressionErrors : mutationErrors,
    },
  };
}

/** Warnings are of some field, and say something (validateTypeChecking). */
function typeCheckingErrors(warnings: readonly { fieldRef?: string; warning?: string }[]): FieldError[] {
  return warnings.flatMap(({ fieldRef = '', warning = '' }, i) => {
    const field = `status.typeChecking.expressionWarnings[${i}]`;
    return [
      ...(warning === '' ? [required(`${field}.warning`)] : []),
      ...(fieldRef.trim() === '' ? [required(`${field}.fieldRef`)] : []),
    ];
  });
}

/** Expressions are read by what runs them, which is loaded where there are some. */
async function expressionErrors(object: AnyObject): Promise<readonly FieldError[]> {
  const { policyExpressionErrors } = await import('../../../cel/admission/check-expressions.ts');
  const spec = (object['spec'] ?? {}) as ValidatingAdmissionPolicySpec;
  return policyExpressionErrors(object.metadata.name ?? '', spec);
}

async function mutationErrors(object: AnyObject): Promise<readonly FieldError[]> {
  const { mutationExpressionErrors } = await import('../../../cel/admission/check-mutations.ts');
  const spec = (object['spec'] ?? {}) as MutatingAdmissionPolicySpec;
  return mutationExpressionErrors(spec);
}

function paramKind(kind: ParamKind | undefined): string {
  return kind ? `${kind.apiVersion}/${kind.kind}` : '<unset>';
}

function defaultMatch(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

function policyErrors(object: AnyObject, list: 'validations' | 'mutations'): FieldError[] {
  const spec = (object['spec'] ?? {}) as ValidatingAdmissionPolicySpec & { mutations?: unknown[] };
  const { matchConstraints: match, auditAnnotations = [] } = spec;
  const none = 'validations or auditAnnotations must contain at least one item';
  const empty = (spec[list] ?? []).length === 0 && auditAnnotations.length === 0;
  return [
    ...oneOf(spec.failurePolicy, ['Fail', 'Ignore'], 'spec.failurePolicy'),
    ...(spec.paramKind ? kindErrors(spec.paramKind) : []),
    ...(match ? matchErrors(match, 'spec.matchConstraints') : [required('spec.matchConstraints')]),
    ...(match && !match.resourceRules?.length ? [required('spec.matchConstraints.resourceRules')] : []),
    ...(match && list === 'mutations' ? mutatedErrors(match, 'spec.matchConstraints') : []),
    ...(empty && list === 'validations'
      ? [required('spec.validations', none), required('spec.auditAnnotations', none)]
      : []),
    ...(empty && list === 'mutations' ? [required('spec.mutations', 'mutations must contain at least one item')] : []),
  ];
}

function versionErrors(apiVersion: string, field: string): FieldError[] {
  const problem = groupVersionProblem(apiVersion);
  if (problem !== undefined) return [invalid(field, apiVersion, problem)];
  const { group, version } = groupVersionOf(apiVersion);
  const wrong = (value: string, complaints: readonly string[]) =>
    complaints.length > 0 ? [invalid(field, value, complaints.join(','))] : [];
  return [
    ...(group ? wrong(group, dns1123Subdomain(group)) : []),
    ...(version ? wrong(version, dns1035Label(version)) : [invalid(field, apiVersion, 'version must be specified')]),
  ];
}

function kindNameErrors(kind: string, field: string): FieldError[] {
  const complaints = dns1035Label(kind.toLowerCase());
  if (complaints.length === 0) return [];
  return [invalid(field, kind, `may have mixed case, but should otherwise match: ${complaints.join(',')}`)];
}

function kindErrors({ apiVersion, kind }: ParamKind): FieldError[] {
  return [
    ...(apiVersion ? versionErrors(apiVersion, 'spec.paramKind.apiVersion') : [required('spec.paramKind.apiVersion')]),
    ...(kind ? kindNameErrors(kind, 'spec.paramKind.kind') : [required('spec.paramKind.kind')]),
  ];
}

function matchErrors(match: MatchResources, field: string): FieldError[] {
  return [
    ...oneOf(match.matchPolicy, ['Equivalent', 'Exact'], `${field}.matchPolicy`),
    ...validateLabelSelector(match.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${field}.objectSelector`),
    ...(['resourceRules', 'excludeResourceRules'] as const).flatMap((name) =>
      (match[name] ?? []).flatMap((rule, index) => [
        ...resourceNameErrors(rule.resourceNames ?? [], `${field}.${name}[${index}].resourceNames`),
        ...validateRule(rule, `${field}.${name}[${index}]`),
      ]),
    ),
  ];
}

function resourceNameErrors(names: readonly string[], list: string): FieldError[] {
  return names.flatMap((name, index) => {
    const field = `${list}[${index}]`;
    const repeated = names.indexOf(name) < index;
    return [
      ...pathSegment(name).map((text) => invalid(field, name, text)),
      ...(repeated ? [duplicate(field, name)] : []),
    ];
  });
}

/** What is deleted cannot be changed on the way. */
const mutatedOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE'];

function mutatedErrors({ resourceRules = [] }: MatchResources, field: string): FieldError[] {
  return resourceRules.flatMap(({ operations = [] }) =>
    operations
      .filter((operation) => !mutatedOperations.includes(operation))
      .map((operation) => notSupported(`${field}.resourceRules.operations`, operation, mutatedOperations)),
  );
}

function bindingRules(validating: boolean): KindRules {
  return {
    generation: { initial: true, of: ({ spec }) => spec },
    cells: {
      PolicyName: ({ spec }) => spec?.policyName ?? '',
      ParamRef: ({ spec }) => paramRef(spec?.paramRef),
    },
    rules: {
      default: ({ spec }) => defaultMatch(spec?.matchResources),
      validate: ({ spec = {} }) => [
        ...(spec.policyName
          ? dns1123Subdomain(spec.policyName).map((text) => invalid('spec.policyName', spec.policyName, text))
          : [required('spec.policyName')]),
        ...(spec.paramRef ? refErrors(spec.paramRef) : []),
        ...(spec.matchResources ? matchErrors(spec.matchResources, 'spec.matchResources') : []),
        ...(spec.matchResources && !validating ? mutatedErrors(spec.matchResources, 'spec.matchResources') : []),
        ...(validating ? actionErrors(spec.validationActions ?? []) : []),
      ],
    },
  };
}

function paramRef(ref: ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || '*'}/${ref.name}`;
  return ref?.selector ? goSelectorText(ref.selector) : '<unset>';
}

function refErrors({ name, selector, parameterNotFoundAction: action }: ParamRef): FieldError[] {
  const field = 'spec.paramRef';
  const both = 'name and selector are mutually exclusive';
  return [
    ...(name ? pathSegment(name).map((text) => invalid(`${field}.name`, name, text)) : []),
    ...(name && selector ? [forbidden(`${field}.name`, both)] : []),
    ...validateLabelSelector(selector, `${field}.selector`),
    ...(name && selector ? [forbidden(`${field}.selector`, both)] : []),
    ...(!name && !selector ? [required(field, 'one of name or selector must be specified')] : []),
    ...(action ? oneOf(action, ['Deny', 'Allow'], `${field}.parameterNotFoundAction`) : []),
    ...(action ? [] : [required(`${field}.parameterNotFoundAction`)]),
  ];
}

const actions = ['Audit', 'Deny', 'Warn'];

function actionErrors(list: readonly string[]): FieldError[] {
  const field = 'spec.validationActions';
  return [
    ...(list.length > 0 ? [] : [required(field, 'at least one validation action is required')]),
    ...list.flatMap((action, index) => [
      ...(actions.includes(action) ? [] : [notSupported(`${field}[${index}]`, action, actions)]),
      ...(list.indexOf(action) < index ? [duplicate(`${field}[${index}]`, action)] : []),
    ]),
    ...(list.includes('Deny') && list.includes('Warn')
      ? [
          invalid(
            field,
            list,
            'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
          ),
        ]
      : []),
  ];
}

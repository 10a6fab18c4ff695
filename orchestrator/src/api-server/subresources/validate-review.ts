import type { FieldError } from '../resource-definition.ts';
import { forbidden, invalid, required } from '../resources/field.ts';
import { validateLabelName } from '../resources/label-selector.ts';
import { labelValue } from '../resources/names.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: readonly Requirement[];
}

interface ReviewSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly fieldSelector?: Selector;
    readonly labelSelector?: Selector;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
}

/** What a question about access must say (pkg/apis/authorization/validation); `namespace` of the path it was sent to. */
export function validateAccessReview(
  kind: string,
  { metadata, spec }: { readonly metadata: Fields; readonly spec: ReviewSpec },
  namespace: string,
): FieldError[] {
  const isLocal = kind === 'LocalSubjectAccessReview';
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  const printedPath = path && { Path: path.path ?? '', Verb: path.verb ?? '' };
  const errors: FieldError[] = [];
  const add = (holds: unknown, error: () => FieldError) => void (holds ? errors.push(error()) : undefined);
  add(resource && path, () =>
    invalid('spec.nonResourceAttributes', printedPath, 'cannot be specified in combination with resourceAttributes'),
  );
  add(!resource && !path, () =>
    invalid(
      'spec.resourceAttributes',
      null,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ),
  );
  add(kind !== 'SelfSubjectAccessReview' && !spec.user && !spec.groups?.length, () =>
    invalid('spec.user', '', 'at least one of user or group must be specified'),
  );
  const at = 'spec.resourceAttributes';
  errors.push(...selectorErrors(resource?.fieldSelector, `${at}.fieldSelector`, fieldErrors));
  errors.push(...selectorErrors(resource?.labelSelector, `${at}.labelSelector`, labelErrors));
  add(!isEmpty(metadata, isLocal), () =>
    invalid('metadata', metadata, isLocal ? 'must be empty except for namespace' : 'must be empty'),
  );
  if (!isLocal) return errors;
  add(resource && (resource.namespace ?? '') !== namespace, () =>
    invalid(`${at}.namespace`, resource?.namespace ?? '', 'must match metadata.namespace'),
  );
  add(path, () => invalid('spec.nonResourceAttributes', printedPath, 'disallowed on this kind of request'));
  return errors;
}

/** But for what the server itself wrote there. */
function isEmpty(metadata: Fields, mayHaveNamespace: boolean): boolean {
  return Object.entries(metadata).every(
    ([name, value]) =>
      name === 'managedFields' ||
      (name === 'namespace' && mayHaveNamespace) ||
      value === null ||
      value === '' ||
      (typeof value === 'object' && Object.keys(value).length === 0),
  );
}

type RequirementRule = (requirement: Requirement, at: string) => FieldError[];

function selectorErrors(selector: Selector | undefined, at: string, rule: RequirementRule): FieldError[] {
  if (!selector) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const raw = rawSelector !== '';
  return [
    ...(raw && requirements.length > 0
      ? [invalid(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements')]
      : []),
    ...(!raw && requirements.length === 0
      ? [required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`)]
      : []),
    ...requirements.flatMap((requirement, index) => rule(requirement, `${at}.requirements[${index}]`)),
  ];
}

function fieldErrors({ key = '', operator = '', values = [] }: Requirement, at: string): FieldError[] {
  return [
    ...(key === '' ? [required(`${at}.key`, 'must be specified')] : []),
    ...valueErrors(operator, values, `${at}.values`),
  ];
}

function labelErrors({ key = '', operator = '', values = [] }: Requirement, at: string): FieldError[] {
  return [
    ...valueErrors(operator, values, `${at}.values`),
    ...validateLabelName(key, `${at}.key`),
    ...values.flatMap((value, index) =>
      labelValue(value).map((text) => invalid(`${at}.values[${index}]`, value, text)),
    ),
  ];
}

/** Operators that are not known here may be those of a newer client. */
function valueErrors(operator: string, values: readonly string[], at: string): FieldError[] {
  if (/^(Not)?In$/.test(operator) && values.length === 0)
    return [required(at, "must be specified when `operator` is 'In' or 'NotIn'")];
  if (/^(Exists|DoesNotExist)$/.test(operator) && values.length > 0)
    return [forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}

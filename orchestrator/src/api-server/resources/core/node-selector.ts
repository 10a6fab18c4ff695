import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, required } from '../field.ts';
import { validateLabelName } from '../label-selector.ts';
import { dns1123Subdomain, labelValue } from '../names.ts';

export function validateNodeSelector({ nodeSelectorTerms = [] }: NodeSelector, field: string): FieldError[] {
  const path = `${field}.nodeSelectorTerms`;
  if (nodeSelectorTerms.length === 0) return [required(path, 'must have at least one node selector term')];
  return nodeSelectorTerms.flatMap((term, index) => validateNodeSelectorTerm(term, `${path}[${index}]`));
}

/** `preferred` terms accept label values that no label can have, for history's sake. */
export function validateNodeSelectorTerm(term: NodeSelectorTerm, field: string, preferred = false): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
      labelErrors(requirement, `${field}.matchExpressions[${index}]`, preferred),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, index) =>
      fieldErrors(requirement, `${field}.matchFields[${index}]`),
    ),
  ];
}

function labelErrors(requirement: NodeSelectorRequirement, field: string, preferred: boolean): FieldError[] {
  const { key = '', values = [] } = requirement;
  return [
    ...operatorErrors(requirement, field),
    ...validateLabelName(key, `${field}.key`),
    ...(preferred ? [] : values).flatMap((value, index) =>
      labelValue(value).map((text) => invalid(`${field}.values[${index}]`, value, text)),
    ),
  ];
}

function operatorErrors({ operator, values = [] }: NodeSelectorRequirement, field: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator')];
  }
}

/** The only field nodes can be selected by is their name. */
function fieldErrors({ key = '', operator, values = [] }: NodeSelectorRequirement, field: string): FieldError[] {
  const single = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
  return [
    ...(operator === 'In' || operator === 'NotIn'
      ? values.length === 1
        ? []
        : [required(`${field}.values`, single)]
      : [invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator')]),
    ...(key === 'metadata.name'
      ? values.flatMap((value, index) =>
          dns1123Subdomain(value).map((text) => invalid(`${field}.values[${index}]`, value, text)),
        )
      : [invalid(`${field}.key`, key, 'not a valid field selector key')]),
  ];
}

import type { CustomResourceDefinition } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { invalid, required } from '../../resources/field.ts';
import type { Condition } from './conditions.ts';

const annotation = 'api-approved.kubernetes.io';
const place = 'https://github.com/kubernetes/enhancements/pull/1111';

interface Approval {
  readonly state: 'missing' | 'bypassed' | 'approved' | 'invalid';
  readonly reason: string;
}

/** Groups of the Kubernetes community say who approved them. */
function isProtected(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group);
}

function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata.annotations?.[annotation] ?? '';
  if (text === '')
    return { state: 'missing', reason: `protected groups must have approval annotation "${annotation}", see ${place}` };
  if (text.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${JSON.stringify(text)}` };
  if (URL.canParse(text) && new URL(text).host !== '') return { state: 'approved', reason: `approved in ${text}` };
  const reason = `protected groups must have approval annotation "${annotation}" with either a URL or a reason starting with "unapproved", see ${place}`;
  return { state: 'invalid', reason };
}

/** What did not change is not asked about again (apiextensions validateAPIApproval). */
export function approvalErrors(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!isProtected(next.spec.group)) return [];
  const { state, reason } = approvalOf(next);
  if (old && approvalOf(old).state === state) return [];
  const field = `metadata.annotations[${annotation}]`;
  if (state === 'missing') return [required(field, reason)];
  return state === 'invalid' ? [invalid(field, next.metadata.annotations?.[annotation], reason)] : [];
}

/** The condition that says so; undefined for groups that need none. */
export function approvalCondition(definition: CustomResourceDefinition): Condition | undefined {
  if (!isProtected(definition.spec.group)) return undefined;
  const { state, reason: message } = approvalOf(definition);
  const type = 'KubernetesAPIApprovalPolicyConformant';
  switch (state) {
    case 'approved':
      return { type, status: 'True', reason: 'ApprovedAnnotation', message };
    case 'bypassed':
      return { type, status: 'False', reason: 'UnapprovedAnnotation', message };
    case 'missing':
      return { type, status: 'False', reason: 'MissingAnnotation', message };
    default:
      return { type, status: 'False', reason: 'InvalidAnnotation', message };
  }
}

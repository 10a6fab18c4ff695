import type { FieldError } from '../../resource-definition.ts';
import { child, invalid, notSupported, required } from '../../resources/field.ts';
import { findFieldPath } from '../schema/field-path.ts';
import type { JsonSchema, ValidationRule } from '../schema/json-schema.ts';
import { formProblem } from '../schema/structural-form.ts';

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const newline = /[\n\r]/;

/** What is wrong with rules of x-kubernetes-validations before anyone looks at their expressions. */
export function ruleFormErrors(schema: JsonSchema, path: string): FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.flatMap((rule, i) => {
    const field = `${child(path, 'x-kubernetes-validations')}[${i}]`;
    return [...textErrors(rule, field), ...otherErrors(rule, schema, field)];
  });
}

function textErrors({ rule = '', message = '' }: ValidationRule, field: string): FieldError[] {
  const text = message.trim();
  if (rule.trim() === '') return [required(child(field, 'rule'), 'rule is not specified')];
  if (message !== '' && text === '')
    return [invalid(child(field, 'message'), message, 'must be non-empty if specified')];
  if (newline.test(text)) return [invalid(child(field, 'message'), message, 'must not contain line breaks')];
  if (newline.test(rule.trim()) && text === '')
    return [required(child(field, 'message'), 'message must be specified if rule contains line breaks')];
  return [];
}

/** What a schema that is no structural one has, nobody can tell. */
function isPath(path: string, schema: JsonSchema): boolean {
  return typeof findFieldPath(path, schema) === 'object' || formProblem(schema) !== undefined;
}

function otherErrors(
  { messageExpression = '', reason, fieldPath = '' }: ValidationRule,
  schema: JsonSchema,
  field: string,
): FieldError[] {
  const at = child(field, 'fieldPath');
  return [
    ...(messageExpression !== '' && messageExpression.trim() === ''
      ? [required(child(field, 'messageExpression'), 'messageExpression must be non-empty if specified')]
      : []),
    ...(reason !== undefined && !reasons.includes(reason)
      ? [notSupported(child(field, 'reason'), reason, reasons)]
      : []),
    ...(fieldPath !== '' && fieldPath.trim() === '' ? [invalid(at, fieldPath, 'must be non-empty if specified')] : []),
    ...(newline.test(fieldPath) ? [invalid(at, fieldPath, 'must not contain line breaks')] : []),
    ...(fieldPath === '' || isPath(fieldPath, schema) ? [] : [invalid(at, fieldPath, 'must be a valid path')]),
  ];
}

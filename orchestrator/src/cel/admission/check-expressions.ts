import type { ValidatingAdmissionPolicySpec } from '@berth/kube';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child, duplicate, invalid, notSupported, required, tooMany } from '../../api-server/resources/field.ts';
import { qualifiedName } from '../../api-server/resources/names.ts';
import { boolType, type CelType, nullType, stringType } from '../language/cel-type.ts';
import { ExpressionCompiler } from './expression-compiler.ts';
import type { MatchCondition } from './match-conditions.ts';

const maxConditions = 64;
const maxAnnotations = 20;
const maxValueExpression = 5 * 1024;
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

/** What is wrong with match conditions (admissionregistration validateMatchConditions). */
export function conditionErrors(conditions: readonly MatchCondition[], path: string, hasParams = false): FieldError[] {
  const compiler = new ExpressionCompiler({ hasParams, hasVariables: false });
  const seen = new Set<string>();
  const errors = conditions.length > maxConditions ? [tooMany(path, conditions.length, maxConditions)] : [];
  for (const [i, { name = '', expression = '' }] of conditions.entries()) {
    const at = `${path}[${i}]`;
    const field = child(at, 'name');
    if (expression.trim() === '') errors.push(required(child(at, 'expression')));
    else errors.push(...unreadable(compiler, expression.trim(), { path: child(at, 'expression'), wanted: [boolType] }));
    if (name === '') errors.push(required(field));
    else errors.push(...qualifiedName(name).map((text) => invalid(field, name, text)));
    if (name !== '' && seen.has(name)) errors.push(duplicate(field, name));
    seen.add(name);
  }
  return errors;
}

/** What is wrong with the expressions of a validating policy and with what stands beside them. */
export function policyExpressionErrors(name: string, spec: ValidatingAdmissionPolicySpec): FieldError[] {
  const { variables = [], matchConditions = [], validations = [] } = spec;
  const hasParams = spec.paramKind !== undefined;
  const compiler = new ExpressionCompiler({ hasParams, hasVariables: variables.length > 0 });
  return [
    ...conditionErrors(matchConditions, 'spec.matchConditions', hasParams),
    ...variableErrors(compiler, spec),
    ...validations.flatMap((validation, i) => validationErrors(compiler, validation, `spec.validations[${i}]`)),
    ...annotationErrors(compiler, name, spec),
  ];
}

const reserved =
  /^(as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package|return|true|var|void|while)$/;

export function variableErrors(
  compiler: ExpressionCompiler,
  { variables = [] }: Pick<ValidatingAdmissionPolicySpec, 'variables'>,
): FieldError[] {
  return variables.flatMap(({ name = '', expression = '' }, i) => {
    const path = `spec.variables[${i}]`;
    const errors: FieldError[] = [];
    if (name.trim() === '') errors.push(required(child(path, 'name'), 'name is not specified'));
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reserved.test(name))
      errors.push(invalid(child(path, 'name'), name, 'must be a valid CEL identifier'));
    if (expression.trim() === '')
      return [...errors, required(child(path, 'expression'), 'expression is not specified')];
    const { error } = compiler.compileVariable(name, expression);
    return error === undefined ? errors : [...errors, invalid(child(path, 'expression'), expression, error)];
  });
}

type Validation = NonNullable<ValidatingAdmissionPolicySpec['validations']>[number];

function validationErrors(
  compiler: ExpressionCompiler,
  { expression = '', message = '', messageExpression = '', reason }: Validation,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const field = (name: string) => child(path, name);
  if (expression.trim() === '') errors.push(required(field('expression'), 'expression is not specified'));
  else errors.push(...unreadable(compiler, expression, { path: field('expression'), wanted: [boolType] }));
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalid(field('messageExpression'), messageExpression, 'must be non-empty if specified'));
  else if (messageExpression !== '') {
    const place = { path: field('messageExpression'), wanted: [stringType], authorizer: false };
    errors.push(...unreadable(compiler, messageExpression, place));
  }
  if (message !== '' && message.trim() === '')
    errors.push(invalid(field('message'), message, 'must be non-empty if specified'));
  else if (/[\n\r]/.test(message.trim()))
    errors.push(invalid(field('message'), message, 'must not contain line breaks'));
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(field('reason'), reason, reasons));
  return errors;
}

function annotationErrors(
  compiler: ExpressionCompiler,
  name: string,
  { auditAnnotations = [] }: ValidatingAdmissionPolicySpec,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const list = 'spec.auditAnnotations';
  if (auditAnnotations.length > maxAnnotations) {
    // In the words of upstream's unversioned type.
    const shown = auditAnnotations.map(({ key, valueExpression }) => ({ Key: key, ValueExpression: valueExpression }));
    errors.push(invalid(list, shown, `must not have more than ${maxAnnotations} auditAnnotations`));
  }
  for (const [i, { key = '', valueExpression = '' }] of auditAnnotations.entries()) {
    const path = `${list}[${i}]`;
    const value = child(path, 'valueExpression');
    const whole = `${name}/${key}`;
    if (name === '') errors.push(invalid(child(path, 'key'), key, 'requires metadata.name be non-empty'));
    else errors.push(...qualifiedName(whole).map((text) => invalid(child(path, 'key'), whole, text)));
    const text = valueExpression.trim();
    if (text === '') errors.push(required(value, 'valueExpression is not specified'));
    else if (Buffer.byteLength(text) > maxValueExpression)
      errors.push(required(value, `must not exceed ${maxValueExpression} bytes in length`));
    else
      errors.push(
        ...unreadable(compiler, text, { path: value, wanted: [stringType, nullType], shown: valueExpression }),
      );
    if (seen.has(key)) errors.push(duplicate(child(path, 'key'), key));
    seen.add(key);
  }
  return errors;
}

interface Place {
  readonly path: string;
  readonly wanted: readonly CelType[];
  readonly authorizer?: boolean;
  readonly shown?: string;
}

function unreadable(
  compiler: ExpressionCompiler,
  text: string,
  { path, wanted, authorizer, shown = text }: Place,
): FieldError[] {
  const { error } = compiler.compile(text, wanted, authorizer);
  return error === undefined ? [] : [invalid(path, shown, error)];
}

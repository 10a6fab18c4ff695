import type { ValidatingAdmissionPolicySpec } from '@berth/kube';
import { each, inTurns, type Steps } from '../../api-server/decoding/in-steps.ts';
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
export function conditionErrors(conditions: readonly MatchCondition[], path: string): Promise<FieldError[]> {
  return inTurns(checkingConditions(conditions, path));
}

export function* checkingConditions(
  conditions: readonly MatchCondition[],
  path: string,
  hasParams = false,
): Steps<FieldError[]> {
  const compiler = new ExpressionCompiler({ hasParams, hasVariables: false });
  const seen = new Set<string>();
  const errors = conditions.length > maxConditions ? [tooMany(path, conditions.length, maxConditions)] : [];
  for (const [i, { name = '', expression = '' }] of conditions.entries()) {
    const at = `${path}[${i}]`;
    const field = child(at, 'name');
    if (expression.trim() === '') errors.push(required(child(at, 'expression')));
    else {
      const place = { path: child(at, 'expression'), wanted: [boolType] };
      errors.push(...(yield* checking(compiler, expression.trim(), place)));
    }
    if (name === '') errors.push(required(field));
    else errors.push(...qualifiedName(name).map((text) => invalid(field, name, text)));
    if (name !== '' && seen.has(name)) errors.push(duplicate(field, name));
    seen.add(name);
  }
  return errors;
}

/** What is wrong with the expressions of a validating policy and with what stands beside them. */
export function policyExpressionErrors(name: string, spec: ValidatingAdmissionPolicySpec): Promise<FieldError[]> {
  return inTurns(checkingPolicy(name, spec));
}

function* checkingPolicy(name: string, spec: ValidatingAdmissionPolicySpec): Steps<FieldError[]> {
  const { variables = [], matchConditions = [], validations = [] } = spec;
  const hasParams = spec.paramKind !== undefined;
  const compiler = new ExpressionCompiler({ hasParams, hasVariables: variables.length > 0 });
  return [
    ...(yield* checkingConditions(matchConditions, 'spec.matchConditions', hasParams)),
    ...(yield* checkingVariables(compiler, spec)),
    ...(yield* each(validations, (validation, i) =>
      checkingValidation(compiler, validation, `spec.validations[${i}]`),
    )).flat(),
    ...(yield* checkingAnnotations(compiler, name, spec)),
  ];
}

const reserved =
  /^(as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package|return|true|var|void|while)$/;

export function* checkingVariables(
  compiler: ExpressionCompiler,
  { variables = [] }: Pick<ValidatingAdmissionPolicySpec, 'variables'>,
): Steps<FieldError[]> {
  const errors: FieldError[] = [];
  for (const [i, { name = '', expression = '' }] of variables.entries()) {
    const path = `spec.variables[${i}]`;
    if (name.trim() === '') errors.push(required(child(path, 'name'), 'name is not specified'));
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reserved.test(name))
      errors.push(invalid(child(path, 'name'), name, 'must be a valid CEL identifier'));
    if (expression.trim() === '') errors.push(required(child(path, 'expression'), 'expression is not specified'));
    else {
      const { error } = yield* compiler.compilingVariable(name, expression);
      if (error !== undefined) errors.push(invalid(child(path, 'expression'), expression, error));
    }
  }
  return errors;
}

type Validation = NonNullable<ValidatingAdmissionPolicySpec['validations']>[number];

function* checkingValidation(
  compiler: ExpressionCompiler,
  { expression = '', message = '', messageExpression = '', reason }: Validation,
  path: string,
): Steps<FieldError[]> {
  const errors: FieldError[] = [];
  const field = (name: string) => child(path, name);
  if (expression.trim() === '') errors.push(required(field('expression'), 'expression is not specified'));
  else errors.push(...(yield* checking(compiler, expression, { path: field('expression'), wanted: [boolType] })));
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalid(field('messageExpression'), messageExpression, 'must be non-empty if specified'));
  else if (messageExpression !== '') {
    const place = { path: field('messageExpression'), wanted: [stringType], authorizer: false };
    errors.push(...(yield* checking(compiler, messageExpression, place)));
  }
  if (message !== '' && message.trim() === '')
    errors.push(invalid(field('message'), message, 'must be non-empty if specified'));
  else if (/[\n\r]/.test(message.trim()))
    errors.push(invalid(field('message'), message, 'must not contain line breaks'));
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(field('reason'), reason, reasons));
  return errors;
}

function* checkingAnnotations(
  compiler: ExpressionCompiler,
  name: string,
  { auditAnnotations = [] }: ValidatingAdmissionPolicySpec,
): Steps<FieldError[]> {
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
    else {
      const place = { path: value, wanted: [stringType, nullType], shown: valueExpression };
      errors.push(...(yield* checking(compiler, text, place)));
    }
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

function* checking(
  compiler: ExpressionCompiler,
  text: string,
  { path, wanted, authorizer, shown = text }: Place,
): Steps<FieldError[]> {
  const { error } = yield* compiler.compiling(text, wanted, authorizer);
  return error === undefined ? [] : [invalid(path, shown, error)];
}

import { Environment, type Program } from '../../cel/environment.ts';
import { CostExceeded } from '../../cel/evaluation/cost-meter.ts';
import { boolType, type CelType, listOf, mapOf, objectType, stringType } from '../../cel/language/cel-type.ts';
import { CelError } from '../../cel/values/cel-error.ts';
import { jsonValue } from '../../cel/values/json-value.ts';
import { aggregate } from '../aggregate.ts';

const named = (name: string) => objectType(`kubernetes.${name}`);
const texts = listOf(stringType);
const selector = { rawSelector: stringType, requirements: listOf(named('SelectorRequirement')) };

const declared: Readonly<Record<string, Readonly<Record<string, CelType>>>> = {
  SubjectAccessReviewSpec: {
    resourceAttributes: named('ResourceAttributes'),
    nonResourceAttributes: named('NonResourceAttributes'),
    user: stringType,
    groups: texts,
    extra: mapOf(stringType, texts),
    uid: stringType,
  },
  ResourceAttributes: {
    namespace: stringType,
    verb: stringType,
    group: stringType,
    version: stringType,
    resource: stringType,
    subresource: stringType,
    name: stringType,
    fieldSelector: named('FieldSelectorAttributes'),
    labelSelector: named('LabelSelectorAttributes'),
  },
  FieldSelectorAttributes: selector,
  LabelSelectorAttributes: selector,
  SelectorRequirement: { key: stringType, operator: stringType, values: texts },
  NonResourceAttributes: { path: stringType, verb: stringType },
};

const environment = new Environment({
  variables: { request: named('SubjectAccessReviewSpec') },
  objects: Object.entries(declared).map(([name, fields]) => ({
    name: `kubernetes.${name}`,
    field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined),
  })),
});

/** Why a condition is none. */
export class ConditionError extends Error {}

/** Whether reviews are for a webhook (apiserver authorization/cel). */
export class MatchConditions {
  readonly #programs: Program[] = [];

  /** @throws ConditionError – in upstream's words. */
  add(expression: string): void {
    const compiled = environment.compile(expression);
    if (compiled.type === 'invalid') throw new ConditionError(`compilation failed: ${compiled.message}`);
    const { program } = compiled;
    if (!program.outputType.is(boolType))
      throw new ConditionError(`must evaluate to bool but got ${program.outputType.declaredName}`);
    const problem = program.planError();
    if (problem !== undefined) throw new ConditionError(`program instantiation failed: ${problem}`);
    this.#programs.push(program);
  }

  /** One that is false decides, whatever is wrong with others. `review`: the spec of a SubjectAccessReview, with all fields. */
  match(review: object): { readonly matches: boolean } | { readonly error: string } {
    const value = jsonValue(review);
    const errors: string[] = [];
    for (const program of this.#programs) {
      const result = evaluated(program, value);
      if (result === false) return { matches: false };
      if (result instanceof CelError)
        errors.push(`cel evaluation error: expression '${program.text}' resulted in error: ${result.message}`);
    }
    return errors.length > 0 ? { error: aggregate(errors) } : { matches: true };
  }
}

function evaluated(program: Program, request: ReturnType<typeof jsonValue>) {
  try {
    return program.evaluate((name) => (name === 'request' ? request : undefined)).result;
  } catch (error) {
    if (error instanceof CostExceeded) return new CelError(error.message);
    throw error;
  }
}

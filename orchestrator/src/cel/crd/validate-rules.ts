import { isRecord } from '@berth/kube';
import { Correlated } from '../../api-server/custom-resources/values/correlated.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child, duplicate, forbidden, invalid, required } from '../../api-server/resources/field.ts';
import { type Program, perCallLimit } from '../environment.ts';
import { CostExceeded, CostMeter } from '../evaluation/cost-meter.ts';
import type { Activation } from '../evaluation/frame.ts';
import { CelError } from '../values/cel-error.ts';
import { none, Optional } from '../values/optional.ts';
import type { Result } from '../values/value.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { RuleInput, RuleVerdict } from './crd-rules.ts';
import { withObjectMeta } from './decl-type.ts';
import { messageOf } from './rule-message.ts';
import type { RuleNode } from './rule-node.ts';
import { typedValue } from './typed-value.ts';

/** For one object (celconfig.RuntimeCELCostBudget). */
export const objectBudget = 10_000_000;
const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** Runs the rules of a tree on a value, from the root down (apiextensions schema/cel/validation.go). */
export class RuleRun {
  readonly #errors: FieldError[] = [];
  readonly #warn: (text: string) => void;
  readonly #ratchets: boolean;
  #budget: number;
  #patience: number;

  /** `patience`: what one rule may cost before it is broken off as too long to wait for. @throws TooLong */
  constructor({ budget = objectBudget, ratchets = true, warn = () => undefined }: RuleInput, patience: number) {
    this.#ratchets = ratchets;
    this.#budget = budget;
    this.#warn = warn;
    this.#patience = patience;
  }

  run(node: RuleNode, { value, old, path = '' }: RuleInput): RuleVerdict {
    const before = old === undefined ? undefined : new Correlated(value, old, node.schema);
    this.#visit(node, { value, old, path, correlated: before, parent: undefined });
    return { errors: this.#errors.map(named), budget: this.#budget };
  }

  #visit(node: RuleNode, place: Place): void {
    if (place.value === undefined || place.value === null || this.#budget < 0) return;
    this.#rules(node, place);
    for (const each of node.allOf) {
      if (this.#budget < 0) return;
      this.#visit(each, { ...place, correlated: undefined });
    }
    if (Array.isArray(place.value)) this.#items(node, place, place.value);
    else if (isRecord(place.value)) this.#members(node, place, place.value);
  }

  #items({ items }: RuleNode, { path, correlated, parent }: Place, values: readonly unknown[]): void {
    if (!items) return;
    for (const [i, value] of values.entries()) {
      if (this.#budget < 0) return;
      const inner = correlated?.item(i);
      this.#visit(items, {
        value,
        old: inner?.old,
        path: `${path}[${i}]`,
        correlated: inner,
        parent: correlated ?? parent,
      });
    }
  }

  #members(node: RuleNode, { old, path, correlated, parent }: Place, values: Readonly<Record<string, unknown>>): void {
    const before = isRecord(old) ? old : {};
    for (const [name, value] of Object.entries(values)) {
      if (this.#budget < 0) return;
      const below = node.properties.get(name) ?? node.additional;
      if (!below) continue;
      const field = node.properties.has(name) ? child(path, name) : `${path}[${name}]`;
      const inner = correlated?.member(name);
      const was = Object.hasOwn(before, name) ? before[name] : undefined;
      this.#visit(below, { value, old: was, path: field, correlated: inner, parent: correlated ?? parent });
    }
  }

  #rules({ rules, schema, isRoot, problem }: RuleNode, place: Place): void {
    const fail = (detail: string) => this.#errors.push(invalid(place.path, schema.type ?? '', detail));
    if (problem !== undefined) {
      fail(`rule compiler initialization error: ${problem}`);
      return;
    }
    if (rules.length === 0) return;
    if (this.#budget <= 0) {
      fail(outOfBudget);
      this.#budget = -1;
      return;
    }
    const whole = isRoot ? withObjectMeta(schema) : schema;
    const self = typedValue(place.value, whole);
    const old = place.old === undefined || place.old === null ? undefined : typedValue(place.old, whole);
    for (const rule of rules) {
      this.#rule(rule, { ...place, type: schema.type ?? '', self, oldSelf: old });
      if (this.#budget < 0) return;
    }
  }

  #rule(compiled: CompiledRule, place: RulePlace): void {
    const { rule, program, error, usesOldSelf } = compiled;
    const fail = (detail: string) => this.#errors.push(invalid(place.path, place.type, detail));
    if (error !== undefined) {
      fail(`rule compile error: ${error}`);
      return;
    }
    const optional = rule.optionalOldSelf === true;
    if (!program || (usesOldSelf && place.oldSelf === undefined && !optional)) return;
    const outcome = this.#evaluate(program, variables(place, optional));
    if (outcome.type === 'out of budget') {
      fail(outOfBudget);
      this.#budget = -1;
    } else if (outcome.type === 'too expensive') {
      fail(
        `'${outcome.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown(compiled)}`,
      );
      this.#budget = -1;
    } else if (outcome.result instanceof CelError) fail(failure(outcome.result, compiled));
    else if (outcome.result !== true) this.#broken(compiled, place);
  }

  #broken(compiled: CompiledRule, place: RulePlace): void {
    const { rule, message, usesOldSelf, fieldPath } = compiled;
    const path = fieldPath === '' ? place.path : child(place.path, fieldPath);
    const add = (error: FieldError) => {
      // What was wrong before and did not change stays allowed.
      const unchanged = this.#ratchets && ((place.correlated ?? place.parent)?.isUnchanged ?? false);
      if (usesOldSelf || !unchanged) this.#errors.push(error);
      else this.#warn(`${named(error).field}: ${error.message}`);
    };
    let detail: string | undefined;
    if (message) {
      const outcome = this.#evaluate(message, variables(place, false));
      if (outcome.type !== 'done') {
        const words =
          outcome.type === 'out of budget'
            ? 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run'
            : `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(rule.messageExpression)}`;
        add(invalid(path, place.type, words));
        this.#budget = -1;
        return;
      }
      detail = messageOf(outcome.result);
    }
    const text = detail ?? (rule.message ? rule.message.trim() : `failed rule: ${shown(compiled)}`);
    add(errorFor(rule.reason, { path, detail: text, value: place.value, type: place.type }));
  }

  #evaluate(program: Program, activation: Activation): Outcome {
    const meter = new CostMeter(perCallLimit, this.#patience);
    try {
      const { result, cost } = program.evaluate(activation, meter);
      this.#patience -= meter.effort;
      if (cost > this.#budget) return { type: 'out of budget' };
      this.#budget -= cost;
      return { type: 'done', result };
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error;
      if (meter.spent > this.#budget) return { type: 'out of budget' };
      this.#budget -= meter.spent;
      return { type: 'too expensive', message: error.message };
    }
  }
}

type Outcome =
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'out of budget' }
  | { readonly type: 'too expensive'; readonly message: string };

interface Place {
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
  readonly correlated: Correlated | undefined;
  /** The nearest one above of which it is known what it was. */
  readonly parent: Correlated | undefined;
}

interface RulePlace extends Place {
  readonly type: string;
  readonly self: Result;
  readonly oldSelf: Result | undefined;
}

function variables({ self, oldSelf }: RulePlace, optional: boolean): Activation {
  return (name) => {
    if (name === 'self') return self;
    if (name !== 'oldSelf') return undefined;
    if (!optional || oldSelf instanceof CelError) return oldSelf;
    return oldSelf === undefined ? none : new Optional(oldSelf);
  };
}

/** Go writes a path that leads nowhere in its own way. */
function named(error: FieldError): FieldError {
  return error.field === '' ? { ...error, field: '<nil>' } : error;
}

function shown({ rule }: CompiledRule): string {
  return (rule.message ? rule.message : rule.rule).trim();
}

function failure({ message }: CelError, compiled: CompiledRule): string {
  if (!message.startsWith('no such overload')) return `${message} evaluating rule: ${shown(compiled)}`;
  return `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${shown(compiled)}`;
}

interface Broken {
  readonly path: string;
  readonly detail: string;
  readonly value: unknown;
  readonly type: string;
}

function errorFor(reason: string | undefined, { path, detail, value, type }: Broken): FieldError {
  const composite = type === 'object' || type === 'array';
  if (reason === 'FieldValueForbidden') return forbidden(path, detail);
  if (reason === 'FieldValueRequired') return required(path, detail);
  if (reason === 'FieldValueDuplicate')
    return composite ? { reason, field: path, message: 'Duplicate value' } : duplicate(path, value);
  // Objects and lists are not shown.
  if (composite) return { reason: 'FieldValueInvalid', field: path, message: `Invalid value: ${detail}` };
  return invalid(path, value, detail);
}

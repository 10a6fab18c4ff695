import { sortedJson } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import {
  allInOrder,
  child,
  invalid,
  notSupportedPlain,
  required,
  tooMany,
  typeInvalid,
} from '../../resources/field.ts';

/** One thing a value fails at (kube-openapi errors.Validation); `name` is the path as its messages have it. */
export interface SchemaFailure {
  readonly kind: 'required' | 'enum' | 'tooLong' | 'tooMany' | 'type' | 'invalid' | 'junctor';
  readonly name: string;
  readonly value: unknown;
  readonly message: string;
  /** Of an enum: what is allowed. */
  readonly allowed?: readonly unknown[];
  /** Of a limit. */
  readonly limit?: number;
}

/** What a value fails at, each text once, and how many checks it passed: the branch of a junctor with most is reported. */
export class SchemaResult {
  readonly failures: SchemaFailure[] = [];
  readonly #texts = new Set<string>();
  matches = 0;

  get isValid(): boolean {
    return this.failures.length === 0;
  }

  add(failure: SchemaFailure): this {
    if (!this.#texts.has(failure.message)) {
      this.#texts.add(failure.message);
      this.failures.push(failure);
    }
    return this;
  }

  merge(other: SchemaResult): this {
    for (const failure of other.failures) this.add(failure);
    this.matches += other.matches;
    return this;
  }

  /** The same checks passed, nothing failed: what was wrong before may stay. */
  forgiven(): SchemaResult {
    const result = new SchemaResult();
    result.matches = this.matches;
    return result;
  }
}

/** As errors of fields below `root` (apiextensions validation kubeOpenAPIResultToFieldErrors); no root prints as Go's nil path. */
export function fieldErrorsOf({ failures }: SchemaResult, root: string): FieldError[] {
  return failures.map((failure) => {
    const { kind, name, value, message, allowed = [], limit = -1 } = failure;
    const below = name.replace(/^\./, '');
    const field = (kind === 'junctor' || below === '' ? root : child(root, below)) || '<nil>';
    switch (kind) {
      case 'required':
        return required(field);
      case 'enum':
        return notSupportedPlain(
          field,
          JSON.isRawJSON(value) ? value : allInOrder(value),
          allowed.map((each) => (typeof each === 'string' ? each : sortedJson(each))),
        );
      case 'tooLong':
        return {
          reason: 'FieldValueTooLong',
          field,
          message: `Too long: may not be more than ${limit} ${limit === 1 ? 'byte' : 'bytes'}`,
        };
      case 'tooMany':
        return tooMany(field, value as number, limit);
      case 'type':
        return typeInvalid(field, value, message);
      default:
        return invalid(field, value ?? '', message);
    }
  });
}

/** `PATH in body WORDS` */
export function failure(name: string, value: unknown, words: string): SchemaFailure {
  return { kind: 'invalid', name, value, message: `${name} in body ${words}` };
}

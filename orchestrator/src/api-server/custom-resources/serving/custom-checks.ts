import type { SchemaRules } from '../../../cel/crd/crd-rules.ts';
import type { ExpressionTimes } from '../../metrics/expression-times.ts';
import type { AnyObject, CheckAbout, FieldError } from '../../resource-definition.ts';
import { invalid } from '../../resources/field.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../../resources/metadata.ts';
import type { ScaleFields } from '../custom-resource.ts';
import { isEmbedded, type JsonSchema, propertyOf, someSchema } from '../schema/json-schema.ts';
import { Correlated } from '../values/correlated.ts';
import { embeddedErrors } from '../values/embedded-errors.ts';
import { listTypeErrors } from '../values/list-type-errors.ts';
import { fieldErrorsOf } from '../values/schema-result.ts';
import { ValueValidator } from '../values/validate-value.ts';
import { nestedNumber, nestedText } from './nested-values.ts';

export interface CustomChecksOptions {
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly schema: JsonSchema;
  readonly scale: ScaleFields | undefined;
  readonly times: ExpressionTimes;
}

/** Errors after which expressions would meet what their types do not allow. */
const blocking: ReadonlySet<FieldError['reason']> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const notChecked = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** What is wrong with a custom resource (apiextensions customresource strategies and validator). */
export class CustomChecks {
  readonly #o: CustomChecksOptions;
  readonly #validator: ValueValidator;
  readonly #status: ValueValidator | undefined;
  readonly #embeds: boolean;
  readonly #hasKeys: boolean;
  #compiled: Promise<SchemaRules | undefined> | undefined;

  constructor(options: CustomChecksOptions) {
    this.#o = options;
    this.#validator = new ValueValidator(options.schema);
    this.#embeds = someSchema(options.schema, isEmbedded);
    this.#hasKeys = someSchema(options.schema, (each) => each['x-kubernetes-list-type'] !== undefined);
    const status = propertyOf(options.schema, 'status');
    this.#status = status && new ValueValidator(status);
  }

  async errorsOf(next: AnyObject, old: AnyObject | undefined, about: CheckAbout): Promise<FieldError[]> {
    const errors = this.#plainErrors(next, old, about);
    const rules = await this.#rules();
    if (!rules) return errors;
    if (errors.some(({ reason }) => blocking.has(reason))) return [...errors, notChecked];
    const input = { value: next, ...(old ? { old } : {}), warn: about.warn };
    const verdict = await this.#o.times.evaluated(() => rules.validate(input));
    return [...errors, ...verdict.errors];
  }

  /** Expressions are loaded where a schema has some. */
  #rules(): Promise<SchemaRules | undefined> {
    this.#compiled ??= this.#compile();
    return this.#compiled;
  }

  async #compile(): Promise<SchemaRules | undefined> {
    if (!someSchema(this.#o.schema, (each) => (each['x-kubernetes-validations'] ?? []).length > 0)) return undefined;
    const { compileSchemaRules } = await import('../../../cel/crd/compile-schema-rules.ts');
    return this.#o.times.compiled(() => compileSchemaRules(this.#o.schema));
  }

  #plainErrors(next: AnyObject, old: AnyObject | undefined, { endpoint }: CheckAbout): FieldError[] {
    const { schema } = this.#o;
    const typed = this.#typeErrors(next);
    const kind = endpoint === 'status' ? this.#statusErrors(next, old) : this.#objectErrors(next, old);
    // Upstream looks at an update's metadata before it asks the kind's own rules, which do so again.
    const generic = old ? validateObjectMetaUpdate(next, old) : [];
    const embedded = endpoint === 'status' || !this.#embeds ? [] : embeddedErrors(next, schema, '');
    const lists = this.#hasKeys ? listTypeErrors(next, schema, '') : [];
    // What was wrong before may stay so.
    const newLists = lists.length > 0 && old && listTypeErrors(old, schema, '').length > 0 ? [] : lists;
    return [...generic, ...(typed.length > 0 ? typed : kind), ...embedded, ...newLists];
  }

  #objectErrors(next: AnyObject, old: AnyObject | undefined): FieldError[] {
    const { schema, namespaced } = this.#o;
    const metadata = old ? validateObjectMetaUpdate(next, old) : validateObjectMeta(next, namespaced, 'dnsSubdomain');
    const values = this.#validator.validate(next, old && new Correlated(next, old, schema));
    return [
      ...metadata,
      ...fieldErrorsOf(values, ''),
      ...this.#scaleErrors(next, 'spec'),
      ...this.#scaleErrors(next, 'status'),
    ];
  }

  #statusErrors(next: AnyObject, old: AnyObject | undefined): FieldError[] {
    const metadata = old ? validateObjectMetaUpdate(next, old) : [];
    const { status } = next;
    const before = old && new Correlated(next, old, this.#o.schema).member('status');
    const values =
      status === undefined || !this.#status ? [] : fieldErrorsOf(this.#status.validate(status, before), 'status');
    return [...metadata, ...values, ...this.#scaleErrors(next, 'status')];
  }

  #typeErrors(object: AnyObject): FieldError[] {
    const { kind, apiVersion } = this.#o;
    return [
      ...(object.kind === kind ? [] : [invalid('kind', object.kind ?? '', `must be ${kind}`)]),
      ...(object.apiVersion === apiVersion
        ? []
        : [invalid('apiVersion', object.apiVersion ?? '', `must be ${apiVersion}`)]),
    ];
  }

  #scaleErrors(object: AnyObject, root: 'spec' | 'status'): FieldError[] {
    const { scale } = this.#o;
    if (!scale) return [];
    const path = root === 'spec' ? scale.specReplicas : scale.statusReplicas;
    const field = `.${path.join('.')}`;
    const { value: replicas = 0, problem } = nestedNumber(object, path);
    const selector =
      root === 'status' && scale.labelSelector ? nestedText(object, scale.labelSelector).problem : undefined;
    return [
      ...(problem === undefined ? [] : [invalid(field, 0, problem)]),
      ...(problem === undefined && replicas < 0 ? [invalid(field, replicas, 'should be a non-negative integer')] : []),
      ...(problem === undefined && replicas > 2 ** 31 - 1
        ? [invalid(field, replicas, 'should be less than or equal to 2147483647')]
        : []),
      ...(selector === undefined ? [] : [invalid(`.${scale.labelSelector?.join('.')}`, '', selector)]),
    ];
  }
}

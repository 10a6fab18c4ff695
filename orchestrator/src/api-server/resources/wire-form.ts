import { keepSentEmpty } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { wireForms } from './gen/wire-forms.ts';
import { canonicalQuantity, resourceAmount } from './quantity.ts';

/**
 * Codes of gen/wire-forms.ts: s string, b bool, n number, l list, m map, o struct, p pointer to struct, P pointer to a
 * scalar, y bytes, t time, q quantity, Q pointer to quantity, i int-or-string, r raw JSON. `!`: written even when empty.
 */
interface FieldForm {
  readonly name: string;
  readonly code: string;
  readonly always: boolean;
  readonly type: string | undefined;
  /** Of a collection of quantities: the text of each. */
  readonly amount: ((value: unknown) => string) | undefined;
}

type Json = Record<string, unknown>;

/** Raw values, and the types that are a schema or something simpler: what is in them has the form of the type they name. */
const standsFor: Readonly<Record<string, string | undefined>> = {
  'apiextensions.v1.JSON': undefined,
  'apiextensions.v1.JSONSchemaPropsOrArray': 'apiextensions.v1.JSONSchemaProps',
  'apiextensions.v1.JSONSchemaPropsOrBool': 'apiextensions.v1.JSONSchemaProps',
  'apiextensions.v1.JSONSchemaPropsOrStringArray': 'apiextensions.v1.JSONSchemaProps',
};

/** The fields of a type: what an object has is looked up, what it may lack is filled; most types have far more fields than any object. */
interface TypeForms {
  readonly byName: ReadonlyMap<string, FieldForm>;
  /** Those that may have a value where none was given. */
  readonly filled: readonly FieldForm[];
}

const parsed = new Map<string, TypeForms>();

/** Brings a decoded object into the form upstream's Go types give it: null and empty fields dropped or filled, quantities canonical. */
export function toWireForm(object: AnyObject, schema: string): void {
  normalize(object, typeName(schema), true);
}

/** The same without the nulls that stand for what is always written: the form rules read. */
export function toPlainForm(object: AnyObject, schema: string): void {
  normalize(object, typeName(schema), false);
}

function typeName(schema: string): string {
  return schema.replace(/^io\.k8s\.(api\.|apimachinery\.pkg\.apis\.|[a-z-]+\.pkg\.apis\.)/, '');
}

/** The object without nulls; itself where it has none. */
export function withoutNulls<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  return (Array.isArray(value) ? itemsWithoutNulls(value) : fieldsWithoutNulls(value as Json)) as T;
}

function itemsWithoutNulls(items: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const plain = withoutNulls(items[i]);
    if (plain === items[i]) continue;
    copy ??= [...items];
    copy[i] = plain;
  }
  return copy ?? items;
}

function fieldsWithoutNulls(object: Json): Json {
  let copy: Json | undefined;
  for (const key of Object.keys(object)) {
    const field = object[key];
    const plain = withoutNulls(field);
    if (plain === field && field !== null) continue;
    copy ??= keepSentEmpty(object, { ...object });
    if (field === null) delete copy[key];
    else copy[key] = plain;
  }
  return copy ?? object;
}

function formsOf(type: string): TypeForms {
  const known = parsed.get(type);
  if (known) return known;
  const forms = (wireForms[type]?.split(' ') ?? []).map((text): FieldForm => {
    const [name, code, target] = text.split(':') as [string, string, string | undefined];
    // No other group has its resource lists defaulted, nor is a list of quantities one.
    const amount = code.startsWith('m') && type.startsWith('core.') ? resourceAmount : canonicalQuantity;
    return {
      name,
      code: code.charAt(0),
      always: code.endsWith('!'),
      type: target === 'q' ? undefined : target,
      amount: target === 'q' ? amount : undefined,
    };
  });
  const made: TypeForms = {
    byName: new Map(forms.map((form) => [form.name, form])),
    filled: forms.filter(({ code, always }) => always || 'oqit'.includes(code)),
  };
  parsed.set(type, made);
  return made;
}

function normalize(object: Json, named: string, nulls: boolean): void {
  const type = named in standsFor ? standsFor[named] : named;
  if (type === undefined) return;
  const { byName, filled } = formsOf(type);
  for (const key of Object.keys(object)) {
    const given = object[key];
    const form = byName.get(key);
    const value = form ? normalizeField(given ?? undefined, form, nulls) : (given ?? undefined);
    if (value === undefined) delete object[key];
    else if (value !== given) object[key] = value;
  }
  for (const form of filled) {
    if (object[form.name] !== undefined) continue;
    const value = normalizeField(undefined, form, nulls);
    if (value !== undefined) object[form.name] = value;
  }
}

/** The field's value in wire form; undefined: left out. */
function normalizeField(value: unknown, form: FieldForm, nulls: boolean): unknown {
  const { code, always, type } = form;
  switch (code) {
    case 'o': {
      const struct = isJson(value) ? value : {};
      normalize(struct, type as string, nulls);
      return struct;
    }
    case 'p':
      if (isJson(value)) normalize(value, type as string, nulls);
      return value ?? (always && nulls ? null : undefined);
    case 'l':
    case 'm':
      return normalizeCollection(value, form, nulls);
    case 'q':
      return value === undefined || value === '' ? '0' : canonicalQuantity(value);
    case 'Q':
      if (value === undefined) return always && nulls ? null : undefined;
      return canonicalQuantity(value);
    case 'y':
      return value === '' && !always ? undefined : (value ?? (always && nulls ? null : undefined));
    case 't':
    case 'r':
    case 'P':
      return value ?? ((always || code === 't') && nulls ? null : undefined);
    default:
      return normalizeScalar(value, code, always);
  }
}

const zeros: Readonly<Record<string, unknown>> = { s: '', b: false, n: 0, i: 0 };

function normalizeScalar(value: unknown, code: string, always: boolean): unknown {
  const zero = zeros[code];
  if (value === undefined || value === zero) return always || code === 'i' ? zero : undefined;
  return value;
}

function normalizeCollection(value: unknown, { always, type, amount }: FieldForm, nulls: boolean): unknown {
  if (value === undefined) return always && nulls ? null : undefined;
  const entries = Object.values(value as Json);
  if (entries.length === 0 && !always) return undefined;
  if (amount) for (const [key, quantity] of Object.entries(value as Json)) (value as Json)[key] = amount(quantity);
  else if (type !== undefined) for (const entry of entries) if (isJson(entry)) normalize(entry, type, nulls);
  return value;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

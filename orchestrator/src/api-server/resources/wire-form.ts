import type { AnyObject } from '../resource-definition.ts';
import { wireForms } from './gen/wire-forms.ts';
import { canonicalQuantity } from './quantity.ts';

/**
 * Codes of gen/wire-forms.ts: s string, b bool, n number, l list, m map, o struct, p pointer to struct, P pointer to a
 * scalar, t time, q quantity, Q pointer to quantity, i int-or-string, r raw JSON. `!`: written even when empty.
 */
interface FieldForm {
  readonly name: string;
  readonly code: string;
  readonly always: boolean;
  readonly type: string | undefined;
}

type Json = Record<string, unknown>;

const parsed = new Map<string, readonly FieldForm[]>();

/** Brings a decoded object into the form upstream's Go types give it: null and empty fields dropped or filled, quantities canonical. */
export function toWireForm(object: AnyObject, schema: string): void {
  normalize(object, schema.replace(/^io\.k8s\.(api\.|apimachinery\.pkg\.apis\.|[a-z-]+\.pkg\.apis\.)/, ''));
}

function formsOf(type: string): readonly FieldForm[] {
  const known = parsed.get(type);
  if (known) return known;
  const forms = (wireForms[type]?.split(' ') ?? []).map((text) => {
    const [name, code, target] = text.split(':') as [string, string, string | undefined];
    return { name, code: code.charAt(0), always: code.endsWith('!'), type: target };
  });
  parsed.set(type, forms);
  return forms;
}

function normalize(object: Json, type: string): void {
  for (const key of Object.keys(object)) if (object[key] === null) delete object[key];
  for (const form of formsOf(type)) {
    const value = normalizeField(object[form.name], form);
    if (value === undefined) delete object[form.name];
    else object[form.name] = value;
  }
}

/** The field's value in wire form; undefined: left out. */
function normalizeField(value: unknown, { code, always, type }: FieldForm): unknown {
  switch (code) {
    case 'o': {
      const struct = isJson(value) ? value : {};
      normalize(struct, type as string);
      return struct;
    }
    case 'p':
      if (isJson(value)) normalize(value, type as string);
      return value ?? (always ? null : undefined);
    case 'l':
    case 'm':
      return normalizeCollection(value, always, type);
    case 'q':
      return value === undefined || value === '' ? '0' : canonicalQuantity(value);
    case 'Q':
      return value === undefined ? undefined : canonicalQuantity(value);
    case 't':
    case 'r':
    case 'P':
      return value ?? (always || code === 't' ? null : undefined);
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

function normalizeCollection(value: unknown, always: boolean, type: string | undefined): unknown {
  if (value === undefined) return always ? null : undefined;
  const entries = Object.values(value as Json);
  if (entries.length === 0 && !always) return undefined;
  if (type === 'q')
    for (const [key, quantity] of Object.entries(value as Json)) (value as Json)[key] = canonicalQuantity(quantity);
  else if (type !== undefined) for (const entry of entries) if (isJson(entry)) normalize(entry, type);
  return value;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

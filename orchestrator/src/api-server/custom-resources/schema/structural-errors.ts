import { Re2 } from '../../../re2/re2.ts';
import { Re2SyntaxError } from '../../../re2/re2-error.ts';
import { breathe } from '../../decoding/large-bodies.ts';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, required } from '../../resources/field.ts';
import { isIntOrStringAllOf, isIntOrStringAnyOf } from './int-or-string.ts';
import {
  additionalOf,
  hasDefault,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
  propertyOf,
} from './json-schema.ts';
import { addIncomplete } from './structural-completeness.ts';

/** What takes a few milliseconds; each may have a pattern. */
const schemasAtOnce = 2000;

type Level = 'root' | 'item' | 'field';

const levelNames: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/** What keeps a schema from being structural, in order of the texts (apiextensions schema.ValidateStructural). */
export function structuralErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const place of placesOf(schema, path)) addInvariants(place, errors);
  return finished(schema, path, errors);
}

/** The same in steps, between which others are served. */
export async function structuralErrorsInSteps(schema: JsonSchema, path: string): Promise<FieldError[]> {
  const errors: FieldError[] = [];
  let count = 0;
  for (const place of placesOf(schema, path)) {
    addInvariants(place, errors);
    if (++count % schemasAtOnce === 0) await breathe();
  }
  return finished(schema, path, errors);
}

function finished(schema: JsonSchema, path: string, errors: FieldError[]): FieldError[] {
  addIncomplete(schema, path, errors);
  const text = ({ field, message }: FieldError) => `${field}: ${message}`;
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

interface Place {
  readonly schema: JsonSchema;
  readonly level: Level;
  readonly path: string;
}

/** Every schema that values are of; those below junctors are looked at with what has them. */
function* placesOf(schema: JsonSchema, path: string): Generator<Place> {
  const waiting: Place[] = [{ schema, level: 'root', path }];
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    yield place;
    const { schema, path } = place;
    const [items, additional, { properties }] = [itemsOf(schema), additionalOf(schema), schema];
    if (items) waiting.push({ schema: items, level: 'item', path: child(path, 'items') });
    const at = child(path, 'properties');
    for (const name in properties)
      waiting.push({ schema: properties[name] as JsonSchema, level: 'field', path: key(at, name) });
    if (additional) waiting.push({ schema: additional, level: 'field', path: child(path, 'additionalProperties') });
  }
}

/** `path` + `[name]` */
export function key(path: string, name: string): string {
  return `${path}[${name}]`;
}

function addInvariants({ schema, level, path }: Place, errors: FieldError[]): void {
  if (schema.type === 'array' && !itemsOf(schema)) errors.push(required(child(path, 'items'), 'must be specified'));
  if (schema.additionalProperties !== undefined && level === 'root')
    errors.push(forbidden(child(path, 'additionalProperties'), 'must not be used at the root'));
  addExtensionErrors(schema, path, errors);
  const skips = { anyOf: isIntOrStringAnyOf(schema), allOf: isIntOrStringAllOf(schema) };
  addValueErrors(schema, skips, path, errors);
  addTypeErrors(schema, level, path, errors);
  addMetaErrors(schema, level, path, errors);
}

function addExtensionErrors(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (!schema['x-kubernetes-int-or-string']) return;
  const why = 'must be false if x-kubernetes-int-or-string is true';
  if (preservesUnknown(schema)) errors.push(invalid(child(path, 'x-kubernetes-preserve-unknown-fields'), true, why));
  if (isEmbedded(schema)) errors.push(invalid(child(path, 'x-kubernetes-embedded-resource'), true, why));
}

function addTypeErrors(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const { type = '' } = schema;
  const field = child(path, 'type');
  const embedded = isEmbedded(schema);
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(field, why) : invalid(field, type, why));
  } else if (type === '' && !schema['x-kubernetes-int-or-string'] && !preservesUnknown(schema))
    errors.push(required(field, levelNames[level]));
  if (embedded && schema.additionalProperties !== undefined)
    errors.push(
      forbidden(child(path, 'additionalProperties'), 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  if (level === 'root' && type !== '' && type !== 'object')
    errors.push(invalid(field, type, 'must be object at the root'));
}

/** Of metadata only the names may be restricted, and only at the root. */
function addMetaErrors(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const isResource = level === 'root' || isEmbedded(schema);
  const properties = child(path, 'properties');
  for (const name of isResource ? ['kind', 'apiVersion'] : []) {
    const property = propertyOf(schema, name);
    if (property && property.type !== 'string')
      errors.push(invalid(child(key(properties, name), 'type'), property.type ?? '', 'must be string'));
  }
  const metadata = propertyOf(schema, 'metadata');
  const field = key(properties, 'metadata');
  if (metadata && isResource && metadata.type !== 'object')
    errors.push(invalid(child(field, 'type'), metadata.type ?? '', 'must be object'));
  if (metadata && level === 'root' && !restrictsNamesOnly(metadata))
    errors.push(
      forbidden(
        field,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
  if (isEmbedded(schema) && !preservesUnknown(schema) && Object.keys(schema.properties ?? {}).length === 0)
    errors.push(
      required(
        properties,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
}

function restrictsNamesOnly({ type: _, default: __, properties = {}, ...rest }: JsonSchema): boolean {
  return (
    Object.values(rest).every((value) => value === undefined || value === false || value === '') &&
    Object.keys(properties).every((name) => name === 'name' || name === 'generateName')
  );
}

interface Skips {
  /** The pattern of int-or-string, where types are allowed. */
  readonly anyOf: boolean;
  readonly allOf: boolean;
}

const noSkips: Skips = { anyOf: false, allOf: false };

function addValueErrors(schema: JsonSchema, skips: Skips, path: string, errors: FieldError[]): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  if (!skips.anyOf)
    for (const [i, nested] of anyOf.entries())
      addNestedErrors(nested, noSkips, `${child(path, 'anyOf')}[${i}]`, errors);
  for (const [i, nested] of allOf.entries())
    addNestedErrors(nested, { anyOf: skips.allOf && i === 0, allOf: false }, `${child(path, 'allOf')}[${i}]`, errors);
  for (const [i, nested] of oneOf.entries()) addNestedErrors(nested, noSkips, `${child(path, 'oneOf')}[${i}]`, errors);
  if (not) addNestedErrors(not, noSkips, child(path, 'not'), errors);
  const problem = pattern ? patternProblem(pattern) : undefined;
  if (problem !== undefined)
    errors.push(invalid(child(path, 'pattern'), pattern, `must be a valid regular expression, but isn't: ${problem}`));
}

function patternProblem(pattern: string): string | undefined {
  try {
    new Re2(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof Re2SyntaxError) return error.message;
    throw error;
  }
}

/** What must not stand below a junctor: it belongs where the field is specified. */
const forbiddenBelow: readonly [keyof JsonSchema, string][] = [
  ['type', 'must be empty to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function addNestedErrors(schema: JsonSchema, skips: Skips, path: string, errors: FieldError[]): void {
  addValueErrors(schema, skips, path, errors);
  const items = itemsOf(schema);
  if (items) addNestedErrors(items, noSkips, child(path, 'items'), errors);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    addNestedErrors(property, noSkips, key(child(path, 'properties'), name), errors);
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false)
    errors.push(forbidden(child(path, 'additionalProperties'), 'must be undefined to be structural'));
  if (hasDefault(schema)) errors.push(forbidden(child(path, 'default'), 'must be undefined to be structural'));
  for (const [name, why] of forbiddenBelow) {
    const value = schema[name];
    const isSet = Array.isArray(value) ? value.length > 0 : Boolean(value);
    if (isSet) errors.push(forbidden(child(path, name), why));
  }
  if (propertyOf(schema, 'metadata'))
    errors.push(forbidden(key(child(path, 'properties'), 'metadata'), 'must not be specified in a nested context'));
}

import { DecodeError, groupVersionProblem, isRecord } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { child, invalid, required } from '../../resources/field.ts';
import { validateObjectMeta } from '../../resources/metadata.ts';
import { dns1035Label } from '../../resources/names.ts';
import { isEmbedded, itemsOf, type JsonSchema, memberOf, propertyOf } from '../schema/json-schema.ts';
import { decodeMetadata } from './coerce-metadata.ts';

/** What is wrong with the types and metadata of embedded resources (apiextensions objectmeta.Validate). */
export function embeddedErrors(value: unknown, schema: JsonSchema | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  addErrors(value, schema, path, errors);
  return errors;
}

function addErrors(value: unknown, schema: JsonSchema | undefined, path: string, errors: FieldError[]): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items) for (const [i, item] of value.entries()) addErrors(item, items, `${path}[${i}]`, errors);
  } else if (isRecord(value)) {
    if (isEmbedded(schema)) errors.push(...resourceErrors(value, path));
    for (const name of Object.keys(value))
      addErrors(
        value[name],
        memberOf(schema, name),
        propertyOf(schema, name) ? child(path, name) : `${path}[${name}]`,
        errors,
      );
  }
}

function resourceErrors(value: Record<string, unknown>, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = value;
  return [
    ...(apiVersion === undefined ? [required(child(path, 'apiVersion'))] : []),
    ...(kind === undefined ? [required(child(path, 'kind'))] : []),
    // What is missing is told before what is wrong.
    ...(apiVersion === undefined ? [] : apiVersionErrors(apiVersion, child(path, 'apiVersion'))),
    ...(kind === undefined ? [] : kindErrors(kind, child(path, 'kind'))),
    ...(metadata === undefined ? [] : metadataErrors(metadata, child(path, 'metadata'))),
  ];
}

function apiVersionErrors(value: unknown, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalid(path, value, 'must be a string')];
  if (value === '') return [invalid(path, value, 'must not be empty')];
  const problem = groupVersionProblem(value);
  return problem === undefined ? [] : [invalid(path, value, problem)];
}

function kindErrors(value: unknown, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalid(path, value, 'must be a string')];
  if (value === '') return [invalid(path, value, 'must not be empty')];
  const complaints = dns1035Label(value.toLowerCase());
  if (complaints.length === 0) return [];
  return [invalid(path, value, `may have mixed case, but should otherwise match: ${complaints.join(',')}`)];
}

function metadataErrors(value: unknown, path: string): FieldError[] {
  try {
    const metadata = decodeMetadata(value).object as AnyObject['metadata'];
    metadata.name ||= 'fakename';
    const errors = validateObjectMeta({ metadata }, Boolean(metadata.namespace), 'pathSegment');
    // They are all below `metadata`, here of another resource.
    return errors.map((error) => ({ ...error, field: error.field.replace(/^metadata/, () => path) }));
  } catch (error) {
    if (error instanceof DecodeError) return [invalid(path, value, error.message)];
    throw error;
  }
}

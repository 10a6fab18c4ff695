import type { FieldError } from '../../resource-definition.ts';
import { child, duplicate, invalid, required, tooMany } from '../../resources/field.ts';
import { additionalOf, type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { formProblem } from '../schema/structural-form.ts';
import type { PrinterColumn, ScalePaths, SelectableField, Subresources } from './internal-spec.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;

export function subresourceErrors(subresources: Subresources | undefined, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  const check = (name: keyof ScalePaths, root: string): FieldError[] => {
    const field = child(path, `scale.${name}`);
    const value = scale[name];
    if (!value) return [required(field)];
    const errors = simplePathErrors(value, field);
    return errors.length > 0 || value.startsWith(`.${root}.`)
      ? errors
      : [invalid(field, value, `should be a json path under .${root}`)];
  };
  const selector = scale.labelSelectorPath;
  const selectorField = child(path, 'scale.labelSelectorPath');
  const selectorErrors = selector ? simplePathErrors(selector, selectorField) : [];
  return [
    ...check('specReplicasPath', 'spec'),
    ...check('statusReplicasPath', 'status'),
    ...selectorErrors,
    ...(selector && selectorErrors.length === 0 && !/^\.(spec|status)\./.test(selector)
      ? [invalid(selectorField, selector, 'should be a json path under either .spec or .status')]
      : []),
  ];
}

function simplePathErrors(path: string, field: string): FieldError[] {
  return path.startsWith('.') ? [] : [invalid(field, path, 'must be a simple json path starting with .')];
}

export function columnErrors({ name, type, format, jsonPath }: PrinterColumn, path: string): FieldError[] {
  const types = `must be one of ${columnTypes.join(',')}`;
  return [
    ...(name ? [] : [required(child(path, 'name'))]),
    ...(type ? [] : [required(child(path, 'type'), types)]),
    ...(type && !columnTypes.includes(type) ? [invalid(child(path, 'type'), type, types)] : []),
    ...(format && !columnFormats.includes(format)
      ? [invalid(child(path, 'format'), format, `must be one of ${columnFormats.join(',')}`)]
      : []),
    ...(jsonPath ? simplePathErrors(jsonPath, child(path, 'JSONPath')) : [required(child(path, 'JSONPath'))]),
  ];
}

export function selectableFieldErrors(
  fields: readonly SelectableField[],
  schema: JsonSchema | undefined,
  path: string,
): FieldError[] {
  if (fields.length === 0) return [];
  const own = child(path, 'selectableFields');
  if (!schema) return [invalid(own, '', `may only be set when ${path === 'spec' ? ofAll : ofVersion}`)];
  const problem = formProblem(schema);
  if (problem !== undefined)
    return [invalid(child(path, 'schema.openAPIV3Schema'), '', problem), ...pathErrors(fields, own)];
  const seen = new Set<string>();
  const errors = fields.flatMap(({ jsonPath = '' }, i) => {
    const field = `${own}[${i}].jsonPath`;
    if (jsonPath === '') return [required(field)];
    const found = fieldAt(jsonPath, schema);
    if (typeof found === 'string') return [invalid(field, jsonPath, `is an invalid path: ${found}`)];
    const isRepeated = seen.has(jsonPath);
    seen.add(jsonPath);
    return [
      ...(/^\.metadata(\.|$)/.test(jsonPath) ? [invalid(field, jsonPath, 'must not point to fields in metadata')] : []),
      ...(['string', 'boolean', 'integer'].includes(found.type ?? '')
        ? []
        : [
            invalid(
              field,
              jsonPath,
              'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
            ),
          ]),
      ...(isRepeated ? [duplicate(field, jsonPath)] : []),
    ];
  });
  return seen.size > maxSelectableFields ? [...errors, tooMany(own, seen.size, maxSelectableFields)] : errors;
}

const ofAll = 'validations.schema is included';
const ofVersion = '`version.schema.openAPIV3Schema` is not included';

/** What is wrong with paths whatever they lead to. */
function pathErrors(fields: readonly SelectableField[], path: string): FieldError[] {
  return fields.flatMap(({ jsonPath = '' }, i) => {
    const field = `${path}[${i}].jsonPath`;
    if (jsonPath === '') return [required(field)];
    const problem = formOf(jsonPath);
    return problem === undefined ? [] : [invalid(field, jsonPath, `is an invalid path: ${problem}`)];
  });
}

function formOf(path: string): string | undefined {
  if (path.includes('[')) return 'array notation is not allowed';
  return path.startsWith('.') ? undefined : `expected [ or . but got: ${path.split('.')[0]}`;
}

/** The schema a path of dots leads to, or what is wrong with it. */
function fieldAt(path: string, root: JsonSchema): JsonSchema | string {
  const problem = formOf(path);
  if (problem !== undefined) return problem;
  let schema = root;
  const names = path.slice(1).split('.');
  for (const [i, name] of names.entries()) {
    if (name === '' && i === names.length - 1) return 'unexpected end of JSON path';
    const next = name === '' ? undefined : schema.properties ? propertyOf(schema, name) : additionalOf(schema);
    if (!next) return 'does not refer to a valid field';
    schema = next;
  }
  return schema;
}

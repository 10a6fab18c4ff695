import { type ConfigMap, withSentEmpty } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid, tooLong } from '../field.ts';
import { configMapKey } from '../names.ts';
import type { KindRules } from '../rules.ts';

/** Secrets and ConfigMaps together with all else must fit etcd's request limit (core.MaxSecretSize). */
export const largestData = 1024 * 1024;

export const configMapRules: KindRules = {
  cells: { Data: ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length },
  rules: {
    validate,
    validateChangeFirst: (next, old) => immutableDataErrors(next, old, ['data', 'binaryData']),
  },
};

function validate(object: AnyObject): FieldError[] {
  const { data = {}, binaryData = {} } = object as ConfigMap;
  const size =
    Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value), 0) +
    Object.values(binaryData).reduce((sum, value) => sum + base64Length(value), 0);
  return [
    ...Object.keys(data).flatMap((key) => [
      ...dataKeyErrors(key, 'data'),
      ...(Object.hasOwn(binaryData, key)
        ? [invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')]
        : []),
    ]),
    ...Object.keys(binaryData).flatMap((key) => dataKeyErrors(key, 'binaryData')),
    // An empty path prints as brackets.
    ...(size > largestData ? [tooLong('[]', largestData)] : []),
  ];
}

export function dataKeyErrors(key: string, field: string): FieldError[] {
  return configMapKey(key).map((text) => invalid(`${field}[${key}]`, key, text));
}

export function base64Length(value: string): number {
  return Buffer.byteLength(value, 'base64');
}

/** Once `immutable` is set, neither it nor the data change again (KEP-1412). */
export function immutableDataErrors(next: AnyObject, old: AnyObject, fields: readonly string[]): FieldError[] {
  if (old['immutable'] !== true) return [];
  const text = 'field is immutable when `immutable` is set';
  return [
    ...(next['immutable'] === true ? [] : [forbidden('immutable', text)]),
    ...fields.flatMap((name) => {
      // Go tells an empty map from none.
      const isAnother = old[name] === undefined && withSentEmpty(next, name) !== undefined;
      return isAnother || !semanticEqual(next[name], old[name]) ? [forbidden(name, text)] : [];
    }),
  ];
}

import { isRecord, parseJson, type Secret, unmarshalProblem } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { invalid, required, tooLong } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { base64Length, dataKeyErrors, immutableDataErrors, largestData } from './config-map.ts';

export const secretRules: KindRules = {
  cells: { Type: ({ type }) => type ?? '', Data: ({ data = {} }) => Object.keys(data).length },
  rules: {
    default: (object) => {
      const secret = object as Secret;
      secret.type ??= 'Opaque';
      const { stringData } = secret;
      if (!stringData) return;
      const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
      secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
      delete secret.stringData;
    },
    validate,
    validateChangeFirst: (next, old) => [
      ...immutable(next['type'], old['type'], 'type'),
      ...immutableDataErrors(next, old, ['data']),
    ],
    selectableFields: { type: ({ type }) => type ?? '' },
  },
};

function validate(object: AnyObject): FieldError[] {
  const { data = {} } = object as Secret;
  const size = Object.values(data).reduce((sum, value) => sum + base64Length(value), 0);
  return [
    ...Object.keys(data).flatMap((key) => dataKeyErrors(key, 'data')),
    ...(size > largestData ? [tooLong('data', largestData)] : []),
    ...typeErrors(object as Secret),
  ];
}

/** Keys that well-known types of secrets need (ValidateSecret). */
function typeErrors({ type, data = {}, metadata }: Secret): FieldError[] {
  const missing = (...keys: readonly string[]) =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const key = 'kubernetes.io/service-account.name';
      return metadata.annotations?.[key] ? [] : [required(`metadata.annotations[${key}]`)];
    }
    case 'kubernetes.io/dockercfg':
      return jsonErrors(data, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return jsonErrors(data, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth': {
      const absent = missing('username', 'password');
      return absent.length === 2 ? absent : [];
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

function jsonErrors(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const value = data[key];
  if (value === undefined) return [required(`data[${key}]`)];
  const problem = objectProblem(Buffer.from(value, 'base64').toString());
  return problem === undefined ? [] : [invalid(`data[${key}]`, '<secret contents redacted>', problem)];
}

/** Why Go reads no map from a text; null is an empty one. */
function objectProblem(text: string): string | undefined {
  try {
    const value = parseJson(text);
    if (value === null || isRecord(value)) return undefined;
    return unmarshalProblem(value, 'value of type map[string]interface {}');
  } catch (error) {
    return (error as Error).message;
  }
}

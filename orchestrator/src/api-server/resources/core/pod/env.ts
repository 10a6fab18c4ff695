import type { Container, EnvFromSource, EnvVar, EnvVarSource } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { invalid, required } from '../../field.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, envVarName } from '../../names.ts';
import { noBacksteps } from '../../paths.ts';
import { envFieldPaths, validateFieldRef, validateResourceFieldRef } from './downward-refs.ts';

export function validateEnvironment({ env = [], envFrom = [] }: Container, path: string): FieldError[] {
  return [
    ...env.flatMap((variable, index) => validateVariable(variable, `${path}.env[${index}]`)),
    ...envFrom.flatMap((source, index) => validateEnvFrom(source, `${path}.envFrom`, index)),
  ];
}

function validateVariable(variable: EnvVar, field: string): FieldError[] {
  return [
    ...(variable.name
      ? envVarName(variable.name).map((text) => invalid(`${field}.name`, variable.name, text))
      : [required(`${field}.name`)]),
    ...validateValueFrom(variable, `${field}.valueFrom`),
  ];
}

function validateValueFrom({ value, valueFrom }: EnvVar, field: string): FieldError[] {
  if (!valueFrom) return [];
  const count = Object.keys(valueFrom).length;
  return [...sourceErrors(valueFrom, field), ...countErrors(count, value ?? '', field)];
}

function countErrors(count: number, value: string, field: string): FieldError[] {
  if (count === 0) {
    const names = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    return [invalid(field, '', `must specify one of: ${names}`)];
  }
  if (value !== '') return [invalid(field, '', 'may not be specified when `value` is not empty')];
  return count > 1 ? [invalid(field, '', 'may not have more than one field specified at a time')] : [];
}

function sourceErrors(source: EnvVarSource, field: string): FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  return [
    ...(fieldRef ? validateFieldRef(fieldRef, envFieldPaths, `${field}.fieldRef`) : []),
    ...(resourceFieldRef ? validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, false) : []),
    ...(configMapKeyRef ? keyErrors(configMapKeyRef, `${field}.configMapKeyRef`) : []),
    ...(secretKeyRef ? keyErrors(secretKeyRef, `${field}.secretKeyRef`) : []),
    ...(fileKeyRef ? fileKeyErrors(fileKeyRef, `${field}.fileKeyRef`) : []),
  ];
}

function keyErrors({ name = '', key }: { name?: string; key?: string }, field: string): FieldError[] {
  return [
    ...dns1123Subdomain(name).map((text) => invalid(`${field}.name`, name, text)),
    ...(key ? configMapKey(key).map((text) => invalid(`${field}.key`, key, text)) : [required(`${field}.key`)]),
  ];
}

function fileKeyErrors(
  { key, volumeName, path }: { key?: string; volumeName?: string; path?: string },
  field: string,
): FieldError[] {
  return [
    ...(key ? envVarName(key).map((text) => invalid(`${field}.key`, key, text)) : [required(`${field}.key`)]),
    ...(volumeName
      ? dns1123Label(volumeName).map((text) => invalid(`${field}.volumeName`, volumeName, text))
      : [required(`${field}.volumeName`)]),
    ...(path ? noBacksteps(path, `${field}.path`) : [required(`${field}.path`)]),
  ];
}

function validateEnvFrom(
  { prefix, configMapRef, secretRef }: EnvFromSource,
  list: string,
  index: number,
): FieldError[] {
  const field = `${list}[${index}]`;
  const named = (ref: { name?: string } | undefined, path: string): FieldError[] => {
    if (!ref) return [];
    if (!ref.name) return [required(`${path}.name`)];
    return dns1123Subdomain(ref.name.replace(/.-$/, 'a')).map((text) => invalid(`${path}.name`, ref.name, text));
  };
  return [
    ...(prefix ? envVarName(prefix).map((text) => invalid(`${field}.prefix`, prefix, text)) : []),
    ...named(configMapRef, `${field}.configMapRef`),
    ...named(secretRef, `${field}.secretRef`),
    ...(configMapRef || secretRef ? [] : [invalid(list, '', 'must specify one of: `configMapRef` or `secretRef`')]),
    ...(configMapRef && secretRef ? [invalid(list, '', 'may not have more than one field specified at a time')] : []),
  ];
}

import type { FieldSchema, ObjectSchema, ScalarType } from '@berth/kube';

/** What a field of a file holds; a list is `[its items]`. */
export type ConfigField = ScalarType | ObjectSchema | readonly [ConfigField];

/** Makes the structs of a version of apiserver.config.k8s.io, so that what is wrong with a file is told as Go tells it. */
export function configStruct(
  version: string,
): (goName: string, fields: Readonly<Record<string, ConfigField>>) => ObjectSchema {
  return (goName, fields) => ({
    name: `io.k8s.apiserver.config.${version}.${goName}`,
    goName,
    goType: `${version}.${goName}`,
    fields: new Map(Object.entries(fields).map(([name, field]) => [name, fieldOf(field)])),
    required: new Set(),
    atomic: false,
    zeroIsAbsent: new Set(),
    alwaysPresent: Object.keys(fields).filter((name) => isStruct(fields[name]) && !optional.has(name)),
  });
}

/** Structs that are pointers in Go: whether they are there is told. */
const optional = new Set(['anonymous', 'webhook', 'aesgcm', 'aescbc', 'secretbox', 'identity', 'kms']);

function isStruct(field: ConfigField | undefined): field is ObjectSchema {
  return typeof field === 'object' && 'goName' in field;
}

function fieldOf(field: ConfigField): FieldSchema {
  const plain = { atomic: false, patchStrategies: [] };
  if (typeof field === 'string') return { type: field, ...plain };
  if (isStruct(field)) return { type: 'struct', struct: field, ...plain };
  return { type: 'list', element: fieldOf(field[0]), ...plain };
}

import { dynType, listOf, objectType, stringType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import type { ObjectDeclaration } from '../language/type-provider.ts';
import { isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { ObjectLiteral } from '../values/object-literal.ts';
import type { Value } from '../values/value.ts';

export const applyType = objectType('Object');
export const jsonPatchType = listOf(objectType('JSONPatch'));

/** Of fields that an operation does not have: upstream knows them, by a type without a name. */
const noType = objectType('');
const patchFields = { op: stringType, path: stringType, from: stringType, value: dynType };

/** `Object`, `Object.spec` and so on, with any fields, and `JSONPatch` (cel/mutation/typeresolver.go). */
export function patchObject(name: string): ObjectDeclaration | undefined {
  if (name === 'JSONPatch')
    return { name, field: (field) => (Object.hasOwn(patchFields, field) ? patchFields[field as 'op'] : noType) };
  return name === 'Object' || name.startsWith('Object.') ? { name, field: () => dynType } : undefined;
}

/** What else patches' expressions can call. */
export const patchFunctions: readonly FunctionDeclaration[] = [
  declare('jsonpatch.escapeKey', {
    jsonpatch_escapekey: [
      '(string): string',
      (key) => (key as string).replace(/[/~]/g, (character) => (character === '/' ? '~1' : '~0')),
    ],
  }),
];

/** Objects whose types are not named for where they stand; upstream's words for each. */
export function misnamed(value: Value, path: string): string[] {
  if (isList(value)) return [...value].flatMap((item) => misnamed(item, path));
  if (!isMap(value)) return [];
  const inner = (key: Value) => value.find(key) as Value;
  if (!(value instanceof ObjectLiteral)) return [...value.keys()].flatMap((key) => misnamed(inner(key), path));
  const { name } = value.objectType;
  const wrong =
    name === path
      ? []
      : [
          `unexpected type name ${JSON.stringify(name)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`,
        ];
  return [...wrong, ...[...value.keys()].flatMap((key) => misnamed(inner(key), `${path}.${String(key)}`))];
}

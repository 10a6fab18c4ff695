import { isInteger } from '@berth/kit';
import { goType, goValue, isRecord } from '@berth/kube';

export interface Nested<T> {
  readonly value?: T;
  /** Why there is none, in the words of apimachinery's unstructured helpers. */
  readonly problem?: string;
}

/** A whole number at a path of names (unstructured.NestedInt64). */
export function nestedNumber(object: unknown, path: readonly string[]): Nested<number> {
  const { value, problem } = nested(object, path);
  if (problem !== undefined || value === undefined) return problem === undefined ? {} : { problem };
  if (isInteger(value)) return { value: Number(value) };
  return { problem: wrongType(path, value, 'int64') };
}

/** A string at a path of names (unstructured.NestedString). */
export function nestedText(object: unknown, path: readonly string[]): Nested<string> {
  const { value, problem } = nested(object, path);
  if (problem !== undefined || value === undefined) return problem === undefined ? {} : { problem };
  return typeof value === 'string' ? { value } : { problem: wrongType(path, value, 'string') };
}

function nested(object: unknown, path: readonly string[]): Nested<unknown> {
  let value = object;
  for (const [i, name] of path.entries()) {
    if (value === null) return {};
    if (!isRecord(value)) return { problem: wrongType(path.slice(0, i + 1), value, 'map[string]interface{}') };
    if (!Object.hasOwn(value, name)) return {};
    value = value[name];
  }
  return { value };
}

function wrongType(path: readonly string[], value: unknown, wanted: string): string {
  return `.${path.join('.')} accessor error: ${goValue(value)} is of the type ${goType(value)}, expected ${wanted}`;
}

import { type Integer, isInt64 } from '@berth/kit';
import { goFloat, goType, goValue, isRecord, isWrittenAsFloat } from '@berth/kube';

export interface Nested<T> {
  readonly value?: T;
  /** Why there is none, in the words of apimachinery's unstructured helpers. */
  readonly problem?: string;
}

/** A whole number at a path of names (unstructured.NestedInt64). */
export function nestedNumber(object: unknown, path: readonly string[]): Nested<Integer> {
  const { value, problem, isFloat } = nested(object, path);
  if (problem !== undefined || value === undefined) return problem === undefined ? {} : { problem };
  if (isInt64(value) && !isFloat) return { value };
  return { problem: wrongType(path, value, 'int64', isFloat ? 'float64' : goType(value)) };
}

/** A string at a path of names (unstructured.NestedString). */
export function nestedText(object: unknown, path: readonly string[]): Nested<string> {
  const { value, problem } = nested(object, path);
  if (problem !== undefined || value === undefined) return problem === undefined ? {} : { problem };
  return typeof value === 'string' ? { value } : { problem: wrongType(path, value, 'string') };
}

function nested(object: unknown, path: readonly string[]): Nested<unknown> & { readonly isFloat?: boolean } {
  let value = object;
  let isFloat = false;
  for (const [i, name] of path.entries()) {
    if (value === null) return {};
    if (!isRecord(value)) return { problem: wrongType(path.slice(0, i + 1), value, 'map[string]interface{}') };
    if (!Object.hasOwn(value, name)) return {};
    isFloat = isWrittenAsFloat(value, name);
    value = value[name];
  }
  return { value, isFloat };
}

function wrongType(path: readonly string[], value: unknown, wanted: string, type = goType(value)): string {
  const shown = type === 'float64' ? goFloat(value as number) : goValue(value);
  return `.${path.join('.')} accessor error: ${shown} is of the type ${type}, expected ${wanted}`;
}

import type { Result, Value } from '../values/value.ts';
import type { CelType } from './cel-type.ts';
import { parseSignature } from './signature.ts';

/** What a function does with values of the right types; errors are results. */
export type Implementation = (...args: Value[]) => Result;

export interface Overload {
  readonly id: string;
  /** `a.f(b)` in place of `f(a, b)`; the receiver is the first argument. */
  readonly member: boolean;
  readonly args: readonly CelType[];
  readonly result: CelType;
  /** Names of its type parameters. */
  readonly parameters: readonly string[];
  /** Absent where the function as a whole looks at what it gets. */
  readonly run?: Implementation;
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /** For all overloads: takes any values and says itself where there is no such overload. */
  readonly run?: Implementation;
}

/** Overloads by id: a signature (`string.(int): bool`, `(A, list(A)): bool`), with what it does where they differ. */
export type OverloadTable = Readonly<Record<string, string | readonly [signature: string, run: Implementation]>>;

export function declare(name: string, table: OverloadTable, run?: Implementation): FunctionDeclaration {
  const overloads = Object.entries(table).map(([id, entry]): Overload => {
    const [signature, own] = typeof entry === 'string' ? [entry, undefined] : entry;
    return { id, ...parseSignature(signature), ...(own ? { run: own } : {}) };
  });
  return run ? { name, overloads, run } : { name, overloads };
}

/** Functions by name; those of one name from several libraries are one. */
export function functionTable(
  libraries: readonly (readonly FunctionDeclaration[])[],
): Map<string, FunctionDeclaration> {
  const table = new Map<string, FunctionDeclaration>();
  for (const declaration of libraries.flat()) {
    const before = table.get(declaration.name);
    if (!before) table.set(declaration.name, declaration);
    else table.set(declaration.name, merge(before, declaration));
  }
  return table;
}

function merge(a: FunctionDeclaration, b: FunctionDeclaration): FunctionDeclaration {
  const run = a.run ?? b.run;
  const overloads = [...a.overloads, ...b.overloads];
  return run ? { name: a.name, overloads, run } : { name: a.name, overloads };
}

import type { CelType } from '../language/cel-type.ts';
import type { FunctionDeclaration, Implementation, Overload } from '../language/declarations.ts';
import { runtimeName } from '../library/format-complaints.ts';
import { CelError } from '../values/cel-error.ts';
import { isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import type { Value } from '../values/value.ts';

/** What runs: the overload that the checker found, else the first whose arguments fit what is there. */
export function dispatch(declaration: FunctionDeclaration, id: string): Implementation {
  const { name, overloads, run } = declaration;
  const chosen = overloads.find((overload) => overload.id === id);
  if (chosen?.run) return guarded(name, chosen, chosen.run);
  if (run) return run;
  return (...args) => {
    const fitting = overloads.find((overload) => overload.run && fits(overload, args));
    return fitting?.run ? fitting.run(...args) : noSuch(name, args);
  };
}

function guarded(name: string, overload: Overload, run: Implementation): Implementation {
  return (...args) => (fits(overload, args) ? run(...args) : noSuch(name, args));
}

function noSuch(name: string, args: readonly Value[]): CelError {
  return new CelError(`no such overload: ${name}(${args.map((arg) => runtimeName(typeOfValue(arg))).join(', ')})`);
}

function fits(overload: Overload, args: readonly Value[]): boolean {
  return overload.args.length === args.length && overload.args.every((type, i) => accepts(type, args[i] as Value));
}

/** Of lists and maps the first element is looked at. */
function accepts(type: CelType, value: Value): boolean {
  if (type.kind === 'dyn' || type.kind === 'any' || type.kind === 'param') return true;
  const have = typeOfValue(value);
  if (type.kind === 'list') {
    if (!isList(value)) return false;
    return value.size === 0 || accepts(type.parameter(0), value.at(0));
  }
  if (type.kind === 'map') {
    if (!isMap(value)) return false;
    for (const key of value.keys())
      return accepts(type.parameter(0), key) && accepts(type.parameter(1), value.find(key) as Value);
    return true;
  }
  return type.kind === have.kind && type.name === have.name;
}

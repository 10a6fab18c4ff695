import type { Value } from '../values/value.ts';
import { type CelType, intType, typeOf } from './cel-type.ts';
import { protobufNull } from './protobuf-types.ts';
import type { TypeProvider } from './type-provider.ts';

/** What a name stands for while an expression is checked. */
export interface Meaning {
  readonly name: string;
  readonly type: CelType;
  /** Of a constant. */
  readonly value?: Value;
}

/** The variables in sight: those of the environment, then of each loop around. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly #variables = new Map<string, CelType>();

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  declare(name: string, type: CelType): this {
    this.#variables.set(name, type);
    return this;
  }

  find(name: string): CelType | undefined {
    return this.#variables.get(name) ?? this.#outer?.find(name);
  }
}

/** A variable, else a type; a leading dot is nothing here, where everything is in the outermost container. */
export function meaningOf(scope: Scope, types: TypeProvider, written: string): Meaning | undefined {
  const name = written.startsWith('.') ? written.slice(1) : written;
  const variable = scope.find(name);
  if (variable) return { name, type: variable };
  if (name === protobufNull) return { name, type: intType, value: 0n };
  const type = types.type(name);
  return type && { name, type: typeOf(type), value: type };
}

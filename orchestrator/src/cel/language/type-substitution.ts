import { CelType, dynType, isDyn, isDynOrError } from './cel-type.ts';

/** What type parameters stand for, as far as an expression's check has found out. */
export class TypeSubstitution {
  readonly #bound: Map<string, CelType>;

  constructor(bound: ReadonlyMap<string, CelType> = new Map()) {
    this.#bound = new Map(bound);
  }

  bind(parameter: CelType, type: CelType): void {
    this.#bound.set(parameter.name, type);
  }

  find(type: CelType): CelType | undefined {
    return type.kind === 'param' ? this.#bound.get(type.name) : undefined;
  }

  copy(): TypeSubstitution {
    return new TypeSubstitution(this.#bound);
  }

  /** Takes over what a copy of this found out. */
  adopt(other: TypeSubstitution): void {
    for (const [name, type] of other.#bound) this.#bound.set(name, type);
  }

  /** Replaces parameters by what they stand for; those that stand for nothing by `dyn`, if asked. */
  apply(type: CelType, freeToDyn: boolean): CelType {
    const bound = this.find(type);
    if (bound) return this.apply(bound, freeToDyn);
    if (type.kind === 'param') return freeToDyn ? dynType : type;
    if (type.parameters.length === 0) return type;
    let changed = false;
    const parameters = type.parameters.map((parameter) => {
      const applied = this.apply(parameter, freeToDyn);
      changed ||= applied !== parameter;
      return applied;
    });
    return changed ? new CelType(type.kind, type.name, parameters) : type;
  }

  /** Whether a value of `from` may stand where `to` is asked for; learns what parameters stand for. Changes nothing if not. */
  assign(from: readonly CelType[], to: readonly CelType[]): boolean {
    const attempt = this.copy();
    if (!attempt.#assignAll(from, to)) return false;
    this.adopt(attempt);
    return true;
  }

  #assignAll(from: readonly CelType[], to: readonly CelType[]): boolean {
    return from.length === to.length && from.every((type, i) => this.#assign(type, to[i] as CelType));
  }

  #assign(from: CelType, to: CelType): boolean {
    if (to.kind === 'param') {
      const answer = this.#stand(from, to);
      if (answer.valid) return true;
      if (answer.bound) return false;
    }
    if (from.kind === 'param') return this.#stand(to, from).valid;
    if (isDynOrError(from) || isDynOrError(to)) return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'null') return isNullable(from);
    switch (from.kind) {
      case 'type':
        return to.kind === 'type';
      case 'opaque':
      case 'list':
      case 'map':
        return from.kind === to.kind && from.name === to.name && this.#assignAll(from.parameters, to.parameters);
      default:
        return from.is(to);
    }
  }

  /** Whether the parameter can stand for `type`, and whether it stands for something already. */
  #stand(type: CelType, parameter: CelType): { readonly valid: boolean; readonly bound: boolean } {
    if (type.is(parameter)) return { valid: true, bound: true };
    const bound = this.find(parameter);
    if (bound) {
      if (type.is(bound)) return { valid: true, bound: true };
      if (!this.#assign(type, bound)) return { valid: false, bound: true };
      const general = mostGeneral(type, bound);
      if (!this.#occurs(parameter, general)) this.bind(parameter, general);
      return { valid: true, bound: true };
    }
    if (this.#occurs(parameter, type)) return { valid: false, bound: false };
    this.bind(parameter, type);
    return { valid: true, bound: false };
  }

  #occurs(parameter: CelType, within: CelType): boolean {
    if (parameter.is(within)) return true;
    const bound = this.find(within);
    if (bound) return this.#occurs(parameter, bound);
    return within.parameters.some((inner) => this.#occurs(parameter, inner));
  }
}

/** As the old checker had it: messages, times and everything opaque may be null. */
function isNullable({ kind, isNullable }: CelType): boolean {
  return isNullable || ['null', 'opaque', 'object', 'any', 'duration', 'timestamp'].includes(kind);
}

export function mostGeneral(a: CelType, b: CelType): CelType {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'param') return true;
  if (isDyn(b) || b.kind === 'param') return false;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  if (a.kind !== 'opaque' && a.kind !== 'list' && a.kind !== 'map') return a.is(b);
  if (a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
  return a.parameters.every((parameter, i) => isLessSpecific(parameter, b.parameters[i] as CelType));
}

import {
  anyType,
  boolType,
  bytesType,
  CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  objectType,
  optionalOf,
  paramType,
  stringType,
  timestampType,
  typeOf,
  uintType,
} from './cel-type.ts';

const simple: Readonly<Record<string, CelType>> = {
  null: nullType,
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  timestamp: timestampType,
  duration: durationType,
  dyn: dynType,
  any: anyType,
};

const generic: Readonly<Record<string, (...parameters: CelType[]) => CelType>> = {
  list: (element = dynType) => listOf(element),
  map: (key = dynType, value = dynType) => mapOf(key, value),
  optional: (value = dynType) => optionalOf(value),
  type: (type = dynType) => typeOf(type),
};

export interface Signature {
  readonly member: boolean;
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly parameters: readonly string[];
}

/** Opaque types of libraries are written with a leading `@`; single capitals are type parameters. */
export function parseSignature(text: string): Signature {
  const tokens = text.match(/@?[\w.]*\w|[(),:.]/g) ?? [];
  let next = 0;
  const parameters = new Set<string>();
  const take = (mark: string) => tokens[next] === mark && ++next > 0;
  const type = (): CelType => {
    const name = tokens[next++] as string;
    const inner = generic[name];
    if (inner) {
      const types: CelType[] = [];
      if (take('('))
        do types.push(type());
        while (take(',') || !take(')'));
      return inner(...types);
    }
    if (/^[A-Z]$/.test(name)) {
      parameters.add(name);
      return paramType(name);
    }
    if (name.startsWith('@')) return new CelType('opaque', name.slice(1));
    return simple[name] ?? objectType(name);
  };
  const args: CelType[] = [];
  const member = tokens[0] !== '(';
  if (member) {
    args.push(type());
    take('.');
  }
  take('(');
  while (!take(')')) {
    args.push(type());
    take(',');
  }
  take(':');
  return { member, args, result: type(), parameters: [...parameters] };
}

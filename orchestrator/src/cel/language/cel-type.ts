export type TypeKind =
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'dyn'
  | 'any'
  | 'error'
  | 'type'
  | 'param'
  | 'list'
  | 'map'
  | 'object'
  | 'opaque';

/** A type of CEL's checker, and the value that `type(x)` gives. */
export class CelType {
  readonly kind: TypeKind;
  /** As messages print it. */
  readonly name: string;
  readonly parameters: readonly CelType[];
  /** A protobuf message around a value: the value, or none. Otherwise it is as the value's type. */
  readonly isNullable: boolean;

  constructor(kind: TypeKind, name: string, parameters: readonly CelType[] = [], isNullable = false) {
    this.kind = kind;
    this.name = name;
    this.parameters = parameters;
    this.isNullable = isNullable;
  }

  /** The n-th parameter; `dyn` where there is none. */
  parameter(index: number): CelType {
    return this.parameters[index] ?? dynType;
  }

  /** Same kind, name and parameters. */
  is(other: CelType): boolean {
    if (this === other) return true;
    if (this.kind !== other.kind || this.name !== other.name) return false;
    const { parameters } = this;
    if (parameters.length !== other.parameters.length) return false;
    return parameters.every((parameter, i) => parameter.is(other.parameters[i] as CelType));
  }

  /** As the checker words it in errors: `map(string, dyn)`. */
  toString(): string {
    if (this.isNullable) return `wrapper(${this.name})`;
    if (this.kind === 'type' && this.parameters.length === 0) return 'type';
    if (this.parameters.length === 0) return this.name;
    return `${this.name}(${this.parameters.join(', ')})`;
  }

  /** As cel-go's own types print themselves: durations and timestamps by their full names. */
  get declaredName(): string {
    if (this.isNullable) return `wrapper(${this.name})`;
    if (this.kind === 'any') return 'google.protobuf.Any';
    if (this.kind === 'duration') return 'google.protobuf.Duration';
    if (this.kind === 'timestamp') return 'google.protobuf.Timestamp';
    if (this.kind === 'null') return 'null_type';
    if (this.parameters.length === 0) return this.name;
    return `${this.name}(${this.parameters.map((parameter) => parameter.declaredName).join(', ')})`;
  }
}

export const dynType = new CelType('dyn', 'dyn');
export const anyType = new CelType('any', 'any');
export const errorType = new CelType('error', '!error!');
export const nullType = new CelType('null', 'null');
export const boolType = new CelType('bool', 'bool');
export const intType = new CelType('int', 'int');
export const uintType = new CelType('uint', 'uint');
export const doubleType = new CelType('double', 'double');
export const stringType = new CelType('string', 'string');
export const bytesType = new CelType('bytes', 'bytes');
export const timestampType = new CelType('timestamp', 'timestamp');
export const durationType = new CelType('duration', 'duration');
export const typeType = new CelType('type', 'type');

export const listOf = (element: CelType): CelType => new CelType('list', 'list', [element]);
export const mapOf = (key: CelType, value: CelType): CelType => new CelType('map', 'map', [key, value]);
export const nullableOf = ({ kind, name }: CelType): CelType => new CelType(kind, name, [], true);
export const optionalOf = (value: CelType): CelType => new CelType('opaque', 'optional_type', [value]);
export const typeOf = (type: CelType): CelType => new CelType('type', 'type', [type]);
export const objectType = (name: string): CelType => new CelType('object', name);
export const paramType = (name: string): CelType => new CelType('param', name);

export const isDyn = ({ kind }: CelType): boolean => kind === 'dyn' || kind === 'any';
export const isDynOrError = (type: CelType): boolean => isDyn(type) || type.kind === 'error';

export function isOptionalType({ kind, name }: CelType): boolean {
  return kind === 'opaque' && name === 'optional_type';
}

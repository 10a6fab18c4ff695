import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  objectType,
  optionalOf,
  stringType,
  typeType,
  uintType,
} from './cel-type.ts';
import { protobufField, protobufMessages } from './protobuf-types.ts';

/** What objects of a declared type hold. */
export interface ObjectDeclaration {
  readonly name: string;
  readonly field: (name: string) => CelType | undefined;
}

/** Types by name: the language's own and declared objects. */
export interface TypeProvider {
  /** What a type's name stands for as a value. */
  type(name: string): CelType | undefined;
  object(name: string): ObjectDeclaration | undefined;
}

const named: ReadonlyMap<string, CelType> = new Map([
  ['bool', boolType],
  ['bytes', bytesType],
  ['double', doubleType],
  ['int', intType],
  ['list', listOf(dynType)],
  ['map', mapOf(dynType, dynType)],
  ['null_type', nullType],
  ['optional_type', optionalOf(dynType)],
  ['string', stringType],
  ['type', typeType],
  ['uint', uintType],
  ...Array.from(protobufMessages, ([name, { type }]) => [name, type] as const),
]);

export class DeclaredTypes implements TypeProvider {
  readonly #types: ReadonlyMap<string, CelType>;
  readonly #objects: ReadonlyMap<string, ObjectDeclaration>;

  readonly #named: (name: string) => ObjectDeclaration | undefined;

  constructor(
    objects: readonly ObjectDeclaration[] = [],
    types: readonly CelType[] = [],
    byName: (name: string) => ObjectDeclaration | undefined = () => undefined,
  ) {
    this.#named = byName;
    this.#types = new Map([...named, ...types.map((type) => [type.name, type] as const)]);
    this.#objects = new Map(objects.map((object) => [object.name, object]));
  }

  type(name: string): CelType | undefined {
    return this.#types.get(name) ?? (this.object(name) ? objectType(name) : undefined);
  }

  object(name: string): ObjectDeclaration | undefined {
    const message = protobufMessages.get(name);
    if (message) return { name, field: (field) => protobufField(message, field) };
    return this.#objects.get(name) ?? this.#named(name);
  }
}

import type { FieldError } from '../../api-server/resource-definition.ts';
import { forbidden, invalid } from '../../api-server/resources/field.ts';
import { Environment, perCallLimit } from '../environment.ts';
import type { CostRange } from '../estimate/estimate-cost.ts';
import type { Expr } from '../language/ast.ts';
import { anyType, boolType, type CelType, mapOf, objectType, stringType } from '../language/cel-type.ts';
import { type Macro, MacroError } from '../language/macro.ts';
import { bind } from '../library/optionals.ts';
import { quantityType } from '../library/quantities.ts';

/** What is known of a part of a device, and how large it can be. */
interface Sized {
  readonly type: CelType;
  readonly most: number;
  readonly key?: Sized;
  readonly element?: Sized;
  readonly fields?: Readonly<Record<string, Sized>>;
}

const mostEntries = 32;
const domain: Sized = { type: stringType, most: 63 };
const identifier: Sized = { type: stringType, most: 32 };
/** A string, a number, a truth or a version: nobody knows before. */
const attribute: Sized = { type: anyType, most: 64 };
const driver: Sized = { type: stringType, most: 63 };
const shared: Sized = { type: boolType, most: 1 };

function byName(value: Sized): Sized {
  const inner = sizedMap(identifier, value);
  return sizedMap(domain, inner);
}

function sizedMap(key: Sized, element: Sized): Sized {
  return { type: mapOf(key.type, element.type), most: mostEntries, key, element };
}

/** dynamic-resource-allocation/cel: the variable `device`. */
const device: Sized = {
  type: objectType('kubernetes.DRADevice'),
  most: 0,
  fields: {
    driver,
    allowMultipleAllocations: shared,
    attributes: byName(attribute),
    capacity: byName({ type: quantityType, most: 0 }),
  },
};

/** `cel.bind(name, value, expression)`, which only expressions about devices have (ext.Bindings). */
const bindMacro: Macro = (make, { at, target, args }) => {
  if (target?.kind !== 'ident' || target.name !== 'cel') return undefined;
  const [name, value, body] = args as [Expr, Expr, Expr];
  if (name.kind !== 'ident') throw new MacroError('cel.bind() variable names must be simple identifiers', name.at);
  return bind(make, at, { name: name.name, value, body });
};

let known: Environment | undefined;

function environment(): Environment {
  known ??= new Environment({
    variables: { device: device.type },
    objects: [{ name: device.type.name, field: (name) => fieldOf(device, name)?.type }],
    macros: { 'bind:3:true': bindMacro },
  });
  return known;
}

/** What is wrong with an expression that chooses devices, in upstream's words. */
export function deviceExpressionErrors(expression: string, field: string): FieldError[] {
  const compiled = environment().compile(expression);
  if (compiled.type === 'invalid') return [invalid(field, expression, `compilation failed: ${compiled.message}`)];
  const { program } = compiled;
  const { outputType } = program;
  if (!outputType.is(boolType) && !outputType.is(anyType))
    return [invalid(field, expression, `must evaluate to bool or the unknown type, not ${outputType.declaredName}`)];
  const problem = program.planError();
  if (problem !== undefined) return [invalid(field, expression, `program instantiation failed: ${problem}`)];
  return program.estimate(sizeOf).max > perCallLimit ? [forbidden(field, 'too complex, exceeds cost limit')] : [];
}

function sizeOf([root, ...path]: readonly string[]): CostRange | undefined {
  if (root !== 'device') return undefined;
  let at: Sized | undefined = device;
  for (const name of path) {
    at = stepInto(at, name);
    if (!at) return undefined;
  }
  return { min: 0n, max: BigInt(at.most) };
}

function stepInto(sized: Sized, name: string): Sized | undefined {
  if (name === '@items' || name === '@values') return sized.element;
  if (name === '@keys') return sized.key;
  // All attributes are as large, whatever their names.
  return fieldOf(sized, name) ?? (sized.element === attribute ? attribute : undefined);
}

function fieldOf({ fields = {} }: Sized, name: string): Sized | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

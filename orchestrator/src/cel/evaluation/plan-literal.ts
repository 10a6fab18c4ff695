import type { ListLiteral, MapLiteral, StructLiteral } from '../language/ast.ts';
import { protobufMessages } from '../language/protobuf-types.ts';
import { CelError } from '../values/cel-error.ts';
import { ArrayList } from '../values/cel-list.ts';
import { EntryMap } from '../values/cel-map.ts';
import { formatValue } from '../values/format-value.ts';
import { ObjectLiteral } from '../values/object-literal.ts';
import { Optional } from '../values/optional.ts';
import { protobufValue } from '../values/protobuf-message.ts';
import type { Value } from '../values/value.ts';
import { weightOf } from '../values/weight.ts';
import { isError } from './frame.ts';
import { constant, type Planned, type Planner } from './plan.ts';

const listCost = 10;
const mapCost = 30;
const structCost = 40;

/** A list of constants is one itself. */
export function planList(planner: Planner, { elements, optional }: ListLiteral): Planned {
  const planned = elements.map((element) => planner.plan(element));
  const constants = planned.flatMap((element) => element.constant ?? []);
  if (constants.length === planned.length && optional.size === 0)
    return constant(new ArrayList(constants.map(({ value }) => value)));
  return {
    step: (frame) => {
      const items: Value[] = [];
      for (const [i, { step }] of planned.entries()) {
        const value = step(frame);
        if (isError(value)) return counted(value);
        if (!optional.has(i)) items.push(value);
        else if (!(value instanceof Optional))
          return counted(
            new CelError(`cannot initialize optional list element from non-optional value ${formatValue(value)}`),
          );
        else if (value.value !== undefined) items.push(value.value);
      }
      return counted(new ArrayList(items));
      function counted<T>(result: T): T {
        frame.run.meter.add(listCost);
        return result;
      }
    },
  };
}

export function planMap(planner: Planner, { entries }: MapLiteral): Planned {
  const planned = entries.map(({ key, value, optional }) => ({
    key: planner.plan(key),
    value: planner.plan(value),
    optional,
  }));
  const fixed = planned.flatMap(({ key, value, optional }) =>
    key.constant && value.constant && !optional ? [[key.constant.value, value.constant.value] as const] : [],
  );
  if (fixed.length === planned.length) return constant(new EntryMap(fixed));
  return {
    step: (frame) => {
      const made: (readonly [Value, Value])[] = [];
      for (const { key, value, optional } of planned) {
        const name = key.step(frame);
        if (isError(name)) return counted(name);
        const given = value.step(frame);
        if (isError(given)) return counted(given);
        if (!optional) made.push([name, given]);
        else if (!(given instanceof Optional)) return counted(notOptional(formatValue(name), given));
        else if (given.value !== undefined) made.push([name, given.value]);
      }
      return counted(new EntryMap(made));
      function counted<T>(result: T): T {
        frame.run.meter.add(mapCost);
        return result;
      }
    },
  };
}

function notOptional(name: string, value: Value): CelError {
  return new CelError(`cannot initialize optional entry '${name}' from non-optional value ${formatValue(value)}`);
}

export function planStruct(planner: Planner, { name, fields }: StructLiteral): Planned {
  const planned = fields.map(({ field, value, optional }) => ({ field, optional, value: planner.plan(value) }));
  const message = protobufMessages.get(name);
  return {
    step: (frame) => {
      const made = new Map<string, Value>();
      for (const { field, value, optional } of planned) {
        const given = value.step(frame);
        if (isError(given)) return counted(given);
        if (!optional) made.set(field, given);
        else if (!(given instanceof Optional)) return counted(notOptional(field, given));
        else if (given.value !== undefined) made.set(field, given.value);
      }
      if (!message) return counted(new ObjectLiteral(name, made));
      const { meter } = frame.run;
      // All that is in it becomes another value, whatever little that costs.
      if (meter.hurried) for (const value of made.values()) meter.addUnpaid(weightOf(value, meter.left));
      return counted(protobufValue(name, message, made));
      function counted<T>(result: T): T {
        frame.run.meter.add(structCost);
        return result;
      }
    },
  };
}

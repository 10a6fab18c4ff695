import type { CelType } from '../language/cel-type.ts';

const takes: Readonly<Record<string, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  o: 'octal clause can only be used on integers',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
};

/** What a verb says of a value of a type that it does not show, in cel-go's words. */
export function formatComplaint(verb: string, type: CelType): string {
  return `error during formatting: ${takes[verb]}, was given ${runtimeName(type)}`;
}

/** As cel-go's types name themselves, without what they hold. */
export function runtimeName(type: CelType): string {
  return ['list', 'map', 'opaque', 'type'].includes(type.kind) ? type.name : type.declaredName;
}

import type { CelType } from '../language/cel-type.ts';
import type { CelError } from './cel-error.ts';
import type { CelList } from './cel-list.ts';
import type { CelMap } from './cel-map.ts';
import type { Duration } from './duration.ts';
import type { Opaque } from './opaque.ts';
import type { Optional } from './optional.ts';
import type { Timestamp } from './timestamp.ts';
import type { Uint } from './uint.ts';

/** A value of CEL. Integers are bigint, doubles are number; bytes are Uint8Array. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | CelList
  | CelMap
  | Optional
  | Opaque
  | CelType;

/** What an evaluation gives: errors travel as values, since `||` and `&&` may forget them. */
export type Result = Value | CelError;

export const maxInt = 2n ** 63n - 1n;
export const minInt = -(2n ** 63n);
export const maxUint = 2n ** 64n - 1n;

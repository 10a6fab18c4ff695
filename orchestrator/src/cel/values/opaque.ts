import type { CelType } from '../language/cel-type.ts';

/** A value of a library's own type: a quantity, an address. */
export interface Opaque {
  readonly opaque: CelType;
  equals(other: Opaque): boolean;
  /** What `size()` would count, where costs depend on it. */
  readonly size?: bigint;
}

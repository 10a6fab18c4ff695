import type { Correlated } from './correlated.ts';

/** What is checked against a schema, and where it stands. */
export interface Subject {
  readonly value: unknown;
  readonly path: string;
  /** What stood there before an update. */
  readonly old: Correlated | undefined;
  /** A number with a point or an exponent: to Go it is no integer, even where it is whole. */
  readonly isFloat?: boolean;
}

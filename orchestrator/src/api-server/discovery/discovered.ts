/** What discovery tells. */
export interface Discovered {
  readonly kind: string;
  /** Absent: of the core group, whose answers name no version of their own. */
  readonly apiVersion?: string;
  readonly [more: string]: unknown;
}

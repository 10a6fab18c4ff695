import type { SubresourceDefinition, TableColumn } from '../resource-definition.ts';

/** One line of the generated table: the facts of a resource, without its rules. */
export interface ResourceRow {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly schema: string;
  /** The version of the same resource whose store it shares. */
  readonly storedVersion?: string;
  readonly subresources: readonly SubresourceDefinition[];
  /** Name, type, format, priority; empty: the generic Name and Created At. */
  readonly columns: readonly (readonly [string, TableColumn['type'], string, number])[];
}

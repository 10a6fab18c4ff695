import type { ResourceDefinition, TableColumn } from '../resource-definition.ts';

type Facts =
  | 'group'
  | 'version'
  | 'kind'
  | 'plural'
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'namespaced'
  | 'verbs'
  | 'schema'
  | 'subresources';

/** One line of the generated table: the facts of a resource, without its rules. */
export interface ResourceRow extends Pick<ResourceDefinition, Facts> {
  /** The version of the same resource whose store it shares. */
  readonly storedVersion?: string;
  /** Name, type, format, priority; empty: the generic Name and Created At. */
  readonly columns: readonly (readonly [string, TableColumn['type'], string, number])[];
}

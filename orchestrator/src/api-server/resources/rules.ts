import type { ResourceDefinition, Rules, TableColumn } from '../resource-definition.ts';

/** What is written by hand for one kind, beside the generated facts. */
export interface KindRules {
  readonly rules?: Rules;
  /** Cells by column name. */
  readonly cells?: Readonly<Record<string, TableColumn['cell']>>;
  /** False for kinds that are computed on reading (componentstatuses). */
  readonly stored?: false;
  /** What differs in one version. */
  readonly versions?: Readonly<Record<string, VersionRules>>;
}

export interface VersionRules extends Pick<KindRules, 'rules' | 'cells'> {
  readonly storedAs?: NonNullable<ResourceDefinition['storedAs']>;
}

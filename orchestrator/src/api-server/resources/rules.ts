import type { AnyObject, ResourceDefinition, Rules, TableColumn } from '../resource-definition.ts';

/** What is written by hand for one kind, beside the generated facts. */
export interface KindRules {
  readonly rules?: Rules;
  /** What a change of raises metadata.generation; `initial`: new objects start at 1. Absent: the kind counts no generations. */
  readonly generation?: {
    readonly initial: boolean;
    /** Fields that are left out of what is sent count, too. */
    readonly countsDropped?: true;
    readonly of: (object: AnyObject) => unknown;
    /** The field that is compared as Go compares (reflect.DeepEqual), to which empty and absent lists are not the same. */
    readonly exactly?: string;
  };
  /** True where creators may send a status (nodes). */
  readonly keepsStatusOnCreate?: true;
  /** True where the status endpoint writes no labels, annotations, finalizers and owners (metav1.ResetObjectMetaForStatus). */
  readonly statusKeepsMetadata?: true;
  /** Cells by column name. */
  readonly cells?: Readonly<Record<string, TableColumn['cell']>>;
  /** See ResourceDefinition. */
  readonly cellsBeyond?: NonNullable<ResourceDefinition['cellsBeyond']>;
  /** False for kinds that are computed on reading (componentstatuses). */
  readonly stored?: false;
  /** What differs in one version. */
  readonly versions?: Readonly<Record<string, VersionRules>>;
}

export interface VersionRules extends Pick<KindRules, 'rules' | 'cells'> {
  readonly storedAs?: NonNullable<ResourceDefinition['storedAs']>;
}

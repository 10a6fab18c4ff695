import type { KubeObject } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { partialOf } from './partial-metadata.ts';

export interface TableOptions {
  readonly version: string;
  readonly includeObject: string;
  readonly now: number;
  /** Watches send the columns once. */
  readonly withColumns: boolean;
}

/** What tables are made of. */
export type TableKind = Pick<ResourceDefinition, 'group' | 'plural' | 'columns'> &
  Partial<Pick<ResourceDefinition, 'rules' | 'cellsBeyond' | 'custom'>>;

/** Of kinds without columns of their own upstream's table begins without rows (rest.NewDefaultTableConvertor). */
function hasGenericColumns({ columns, custom }: TableKind): boolean {
  return !custom && columns.length === 2 && columns[1]?.name === 'Created At';
}

/** What `kubectl get` prints (meta.k8s.io Table). */
export function tableOf(
  definition: TableKind,
  objects: readonly AnyObject[],
  metadata: object,
  options: TableOptions,
): KubeObject {
  const { version, includeObject, now, withColumns } = options;
  const apiVersion = `meta.k8s.io/${version}`;
  const order = definition.rules?.tableOrder;
  const listed = order ? objects.toSorted(order) : objects;
  const cells = [...definition.columns.map(({ cell }) => cell), ...(definition.cellsBeyond ?? [])];
  const rows = listed.map((object) => ({
    cells: cells.map((cell) => cell(object, now) ?? null),
    ...conditionsOf(definition, object),
    object: includeObject === 'None' ? null : includeObject === 'Object' ? object : partialOf(object, version),
  }));
  const columnDefinitions = withColumns
    ? definition.columns.map(({ name, type, format = '', description, priority }) => ({
        name,
        type,
        format,
        description,
        priority,
      }))
    : null;
  const shown = rows.length === 0 && hasGenericColumns(definition) ? null : rows;
  return { kind: 'Table', apiVersion, metadata, columnDefinitions, rows: shown } as KubeObject;
}

/** Rows of finished pods are marked, so that kubectl can leave them out (printers' podSuccessConditions). */
function conditionsOf({ group, plural }: TableKind, object: AnyObject): object {
  if (group !== '' || plural !== 'pods') return {};
  const phase = object.status?.phase;
  if (phase === 'Succeeded') return { conditions: [completed('Succeeded', 'The pod has completed successfully.')] };
  return phase === 'Failed' ? { conditions: [completed('Failed', 'The pod failed.')] } : {};
}

function completed(reason: string, message: string) {
  return { type: 'Completed', status: 'True', reason, message };
}

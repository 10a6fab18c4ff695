import type { TableColumn } from '../resource-definition.ts';
import { genericCells } from '../resources/columns.ts';
import type { TableKind } from './table.ts';

const column = (name: string, type: TableColumn['type'], cell: TableColumn['cell']): TableColumn => ({
  name,
  type,
  description: `${name} of the object, as kubectl prints it.`,
  priority: 0,
  cell,
});

/** What `kubectl get --subresource=scale` prints of a Scale (upstream's printScale). */
export const scaleTable: TableKind = {
  group: 'autoscaling',
  plural: 'scales',
  columns: [
    column('Name', 'string', genericCells['Name'] as TableColumn['cell']),
    column('Desired', 'integer', ({ spec }) => spec?.replicas ?? 0),
    column('Available', 'integer', ({ status }) => status?.replicas ?? 0),
    column('Age', 'string', genericCells['Age'] as TableColumn['cell']),
  ],
};

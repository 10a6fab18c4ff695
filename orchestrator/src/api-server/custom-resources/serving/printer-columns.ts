import { isNumber } from '@berth/kit';
import { isRecord, stringifyDeep } from '@berth/kube';
import type { AnyObject, TableColumn } from '../../resource-definition.ts';
import { age } from '../../resources/columns.ts';
import type { PrinterColumn } from '../definition/internal-spec.ts';
import { isJsonPath, readJsonPath } from '../json-path.ts';

const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  priority: 0,
  description: 'Name of the object, unique within its namespace.',
  cell: (object) => object.metadata.name ?? '',
};

const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'When the object was made.',
  jsonPath: '.metadata.creationTimestamp',
};

/** The columns kubectl prints of a custom resource: its name, then those of its definition, else its age. */
export function printerColumns(columns: readonly PrinterColumn[] | undefined): TableColumn[] {
  const shown = columns?.length ? columns : [ageColumn];
  // One that can't be read takes the others with it, as upstream falls back.
  if (!shown.every(({ jsonPath = '' }) => isJsonPath(jsonPath))) return [nameColumn];
  return [nameColumn, ...shown.map(columnOf)];
}

function columnOf({
  name = '',
  type = '',
  format,
  description,
  priority = 0,
  jsonPath = '',
}: PrinterColumn): TableColumn {
  return {
    name,
    type: type as TableColumn['type'],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
    cell: (object, now) => cellOf(object, { type, jsonPath, now }),
  };
}

interface Cell {
  readonly type: string;
  readonly jsonPath: string;
  readonly now: number;
}

function cellOf(object: AnyObject, { type, jsonPath, now }: Cell): unknown {
  const found = readJsonPath(object, jsonPath);
  const [value] = found;
  if (found.length === 0 || value === null) return type === 'string' && found.length > 0 ? '<nil>' : null;
  switch (type) {
    case 'string':
      return isRecord(value) || Array.isArray(value) ? stringifyDeep(value) : String(value);
    case 'integer':
      return typeof value === 'bigint' ? value : typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return isNumber(value) ? Number(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
    default:
      return null;
  }
}

function ageOf(text: string, now: number): string {
  if (text === '' || text === 'null') return '<unknown>';
  return /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)) ? age(text, now) : '<invalid>';
}

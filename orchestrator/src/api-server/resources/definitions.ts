import type { AnyObject, ResourceDefinition, TableColumn } from '../resource-definition.ts';
import { genericCells } from './columns.ts';
import { resourceTable } from './gen/resource-table.ts';
import { kindRules } from './kind-rules.ts';
import type { ResourceRow } from './resource-row.ts';
import type { KindRules } from './rules.ts';

/** Every built-in resource with its rules: what routing, discovery, tables and storage derive from. */
export const definitions: readonly ResourceDefinition[] = resourceTable.map(definitionOf);

function definitionOf(row: ResourceRow): ResourceDefinition {
  const { columns, storedVersion, ...names } = row;
  const kind = kindRules[`${row.group}/${row.plural}`] ?? {};
  const own = kind.versions?.[row.version];
  const storedAs = own?.storedAs ?? sameStore(row, storedVersion);
  return {
    ...names,
    columns: columnsOf(columns, { ...genericCells, ...kind.cells, ...own?.cells }),
    rules: { ...kind.rules, ...own?.rules },
    stored: row.verbs.includes('get') && kind.stored !== false,
    ...(storedAs ? { storedAs } : {}),
  };
}

/** Another version of the same schema: only apiVersion differs. */
function sameStore({ group, plural, version }: ResourceRow, storedVersion: string | undefined) {
  if (storedVersion === undefined) return undefined;
  const as = (apiVersion: string) => (object: AnyObject) => ({ ...object, apiVersion });
  return { group, plural, toStored: as(`${group}/${storedVersion}`), fromStored: as(`${group}/${version}`) };
}

const genericColumns: ResourceRow['columns'] = [
  ['Name', 'string', 'name', 0],
  ['Created At', 'date', '', 0],
];

function columnsOf(columns: ResourceRow['columns'], cells: NonNullable<KindRules['cells']>): TableColumn[] {
  const shown = columns.length > 0 ? columns : genericColumns;
  return shown.map(([name, type, format, priority]) => ({
    name,
    type,
    format,
    priority,
    description: `${name} of the object, as kubectl prints it.`,
    cell: cells[name] ?? (() => null),
  }));
}

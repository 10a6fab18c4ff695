import { expect, test } from 'vitest';
import type { AnyObject, ResourceDefinition } from '../../orchestrator/src/api-server/resource-definition.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { created, type GoldenCase, goldenFile, targetOf } from './resource-rules.ts';

interface RecordedTable {
  readonly groupVersion: string;
  readonly resource: string;
  readonly kind: string;
  readonly shortNames: readonly string[] | null;
  readonly categories: readonly string[] | null;
  readonly namespaced: boolean;
  readonly columns: readonly { name: string; type: string; format: string; priority: number }[];
  readonly example: { readonly cells: readonly unknown[]; readonly name: string } | null;
}

const { tables } = goldenFile<{ tables: readonly RecordedTable[] }>('tables.json');

function definitionOf({ groupVersion, resource }: RecordedTable): ResourceDefinition {
  const [version, group = ''] = groupVersion.split('/').reverse() as [string, string?];
  const found = definitions.find((d) => d.group === group && d.version === version && d.plural === resource);
  if (!found) throw new Error(`${groupVersion} ${resource} is not served`);
  return found;
}

for (const table of tables)
  test(`${table.groupVersion} ${table.resource} has upstream's names and columns`, () => {
    const definition = definitionOf(table);
    expect(definition.kind).toBe(table.kind);
    expect(definition.namespaced).toBe(table.namespaced);
    expect(definition.shortNames).toEqual(table.shortNames ?? []);
    expect(definition.categories).toEqual(table.categories ?? []);
    const columns = definition.columns.map(({ name, type, format, priority }) => ({ name, type, format, priority }));
    expect(columns).toEqual(table.columns);
    for (const column of definition.columns) expect(column.description).not.toBe('');
  });

const now = Date.parse('2026-01-01T00:10:00Z');

function row(definition: ResourceDefinition, object: AnyObject): unknown[] {
  return definition.columns.map((column) => column.cell(object, now));
}

/** Objects whose rows were recorded: the set-up of updates.json, seconds old. */
const { setup } = goldenFile<{ setup: readonly { path: string; body: AnyObject }[] }>('updates.json');
/** What controllers had written, or the recording shows of another object, is no cell of ours. */
const changing: Readonly<Record<string, readonly string[]>> = {
  PersistentVolume: ['Status'],
  Job: ['Duration', 'Selector'],
};

for (const table of tables) {
  const made = setup.find((entry) => targetOf(entry.path).definition.plural === table.resource);
  if (!made || !table.example || made.body.metadata.name !== table.example.name) continue;
  test(`${table.resource}: the recorded row's cells`, () => {
    const target = targetOf(made.path);
    const object = created(target, made.body);
    object.metadata.creationTimestamp = new Date(now).toISOString();
    const skipped = ['Age', ...(changing[table.kind] ?? [])];
    const named = (cells: readonly unknown[]) =>
      Object.fromEntries(
        target.definition.columns.map(({ name }, index) => [name, cells[index]]).filter(([name]) => !skipped.includes(name as string)),
      );
    expect(named(row(target.definition, object))).toEqual(named(table.example!.cells));
  });
}

/** Objects as kube-apiserver had stored them, with what its controllers had written, and the cells of its rows but for ages. */
interface RecordedRow {
  readonly path: string;
  readonly object: AnyObject;
  readonly cells: Readonly<Record<string, unknown>>;
}

for (const { path, object, cells } of goldenFile<{ rows: readonly RecordedRow[] }>('rows.json').rows)
  test(`${path}/${object.metadata.name}: the recorded row's cells`, () => {
    const { definition } = targetOf(path);
    const values = row(definition, object);
    const named = definition.columns.map(({ name }, index) => [name, values[index]] as const);
    expect(Object.fromEntries(named.filter(([name]) => name in cells))).toEqual(cells);
  });

test('every cell of every kind can show what defaults alone make', () => {
  for (const { request, status } of goldenFile<{ cases: readonly GoldenCase[] }>('defaults.json').cases) {
    const target = targetOf(request.path);
    if (status !== 201 || !target.definition.stored) continue;
    const object = created(target, request.body);
    object.metadata.creationTimestamp = '2026-01-01T00:00:00Z';
    const cells = row(target.definition, object);
    expect(cells.filter((cell) => cell === undefined || cell === null), target.definition.plural).toEqual([]);
  }
});

import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import { tableOf } from './table.ts';

const rowsIn = (plural: string, objects: readonly AnyObject[]): AnyObject['rows'] => {
  const definition = definitions.find((each) => each.plural === plural);
  if (!definition) throw new Error(`no ${plural}`);
  const options = { version: 'v1', includeObject: 'None', now: 0, withColumns: false };
  return (tableOf(definition, objects, {}, options) as AnyObject)['rows'];
};
const rowsOf = (plural: string, objects: readonly AnyObject[]) =>
  rowsIn(plural, objects).map(({ cells }: { cells: readonly unknown[] }) => cells[0]);

// printFlowSchemaList sorts, as no other of upstream's printers does.
test('flow schemas are shown in the order they are tried, all else as it is listed', () => {
  const schema = (name: string, matchingPrecedence?: number): AnyObject => ({
    metadata: { name },
    spec: { matchingPrecedence },
  });
  const listed = [schema('a', 10_000), schema('d', 200), schema('b', 200), schema('c', 1), schema('e')];
  expect(rowsOf('flowschemas', listed)).toEqual(['c', 'b', 'd', 'e', 'a']);
  expect(rowsOf('configmaps', listed)).toEqual(['a', 'd', 'b', 'c', 'e']);
});

// rest.NewDefaultTableConvertor begins without rows, printers with an empty list of them.
test('nothing is shown as null of kinds without columns of their own, and as no rows of others', () => {
  expect(rowsIn('roles', [])).toBeNull();
  expect(rowsIn('limitranges', [])).toBeNull();
  expect(rowsIn('pods', [])).toEqual([]);
  expect(rowsIn('rolebindings', [])).toEqual([]);
});

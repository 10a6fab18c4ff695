import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import { tableOf } from './table.ts';

const rowsOf = (plural: string, objects: readonly AnyObject[]) => {
  const definition = definitions.find((each) => each.plural === plural);
  if (!definition) throw new Error(`no ${plural}`);
  const options = { version: 'v1', includeObject: 'None', now: 0, withColumns: false };
  const { rows } = tableOf(definition, objects, {}, options) as AnyObject;
  return rows.map(({ cells }: { cells: readonly unknown[] }) => cells[0]);
};

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

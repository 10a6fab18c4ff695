import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import { negotiate } from './negotiate.ts';
import { framesOf } from './represent.ts';

const second = 1000;

test('a row of which the object is not wanted says so, as upstream', async () => {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap');
  if (!definition) throw new Error('no configmaps');
  const representation = negotiate('application/json;as=Table;v=v1;g=meta.k8s.io');
  const { encode } = await framesOf(definition, { representation, includeObject: 'None', clock: new FakeClock() });
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  const frame = JSON.parse(Buffer.from(encode({ type: 'ADDED', object })).toString());
  expect(frame.object.rows[0]).toMatchObject({ object: null });
});

test('a watched row is as old as it is when it is sent, not when the watch began', async () => {
  const clock = new FakeClock();
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap');
  if (!definition) throw new Error('no configmaps');
  const representation = negotiate('application/json;as=Table;v=v1;g=meta.k8s.io');
  const { encode } = await framesOf(definition, { representation, includeObject: 'None', clock });
  const made = (name: string): AnyObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, creationTimestamp: new Date(clock.now()).toISOString() },
  });
  const ageOf = (object: AnyObject) =>
    JSON.parse(Buffer.from(encode({ type: 'MODIFIED', object })).toString()).object.rows[0].cells.at(-1);
  const early = made('early');
  expect(ageOf(early)).toBe('0s');
  await clock.advance(30 * second);
  expect([ageOf(early), ageOf(made('late'))]).toEqual(['30s', '0s']);
});

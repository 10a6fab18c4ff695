import { expect, test } from 'vitest';
import { expansionOf, type VolumeSpec } from './volume-spec.ts';

function spec(turn: string | undefined, annotations: Record<string, string> = {}, has = '1Mi'): VolumeSpec {
  const allocatedResourceStatuses = turn === undefined ? {} : { storage: turn };
  const pvc = { metadata: { annotations }, status: { capacity: { storage: has }, allocatedResourceStatuses } };
  return { pvc, pv: { metadata: {}, spec: { capacity: { storage: '2Mi' } } } } as unknown as VolumeSpec;
}

test.each([
  [undefined, '2Mi'],
  ['NodeResizePending', '2Mi'],
  ['NodeResizeInProgress', '2Mi'],
  ['ControllerResizeInProgress', undefined],
  ['ControllerResizeInfeasible', undefined],
  ['NodeResizeInfeasible', undefined],
])('a volume larger than its claim, whose expansion is %s, grows on the node to %s', (turn, expected) => {
  expect(expansionOf(spec(turn))).toBe(expected);
});

test('nothing grows on the node where the driver needs no node for it, or the claim has the size', () => {
  const mark = { 'volume.kubernetes.io/node-expansion-not-required': 'true' };
  expect(expansionOf(spec(undefined, mark))).toBeUndefined();
  expect(expansionOf(spec(undefined, {}, '2048Ki'))).toBeUndefined();
});

import { expect, test } from 'vitest';
import { isHere, mayBeHere, nodeTopology, topologyOf, wishRank } from './topology.ts';

const node = nodeTopology('csi.test', 'n1');
const here = { 'topology.csi.test/node': 'n1' };
const fast = { 'topology.csi.test/pool-fast': 'true' };
const slow = { 'topology.csi.test/pool-slow': 'true' };
const inFast = { name: 'fast', named: true };
const inDefault = { name: 'default', named: false };

test('a node tells its pools, a volume its own; one without a name is not told', () => {
  const slowPool = { name: 'slow', named: true };
  expect(topologyOf(node, [inFast, slowPool])).toEqual({ segments: { ...here, ...fast, ...slow } });
  expect(topologyOf(node, [inDefault])).toEqual({ segments: here });
});

test('keys are as long as a label may be', () => {
  const { segments } = topologyOf(nodeTopology('a'.repeat(54), 'n'), [{ name: 'p'.repeat(58), named: true }]);
  for (const key of Object.keys(segments)) {
    const [prefix = '', name = ''] = key.split('/');
    expect([prefix.length <= 63, name.length <= 63]).toEqual([true, true]);
  }
});

const places: [what: string, segments: Record<string, string>, inFast: boolean, inDefault: boolean][] = [
  ['nothing', {}, true, true],
  ['this node', here, true, true],
  ['this node in capitals', { 'TOPOLOGY.CSI.TEST/NODE': 'n1' }, true, true],
  ['another node', { 'topology.csi.test/node': 'n2' }, false, false],
  ['the pool', { ...here, ...fast }, true, true],
  ['the pool of any node', fast, true, true],
  ['another pool', { ...here, ...slow }, false, true],
  ['both pools', { ...here, ...fast, ...slow }, true, true],
  ['another value', { ...here, 'topology.csi.test/pool-fast': 'false' }, false, false],
  ['a key of somebody else', { ...here, 'topology.other/zone': 'z' }, false, false],
];

for (const [what, segments, fastToo, defaultToo] of places) {
  test(`what ${what} names is told apart`, () => {
    expect([isHere({ segments }, node, inFast), isHere({ segments }, node, inDefault)]).toEqual([fastToo, defaultToo]);
  });
}

test('requisite decides, preferred orders', () => {
  const requirement = { requisite: [{ segments: slow }], preferred: [{ segments: slow }, { segments: fast }] };
  expect(mayBeHere(requirement, node, inFast)).toBe(false);
  expect(mayBeHere({ requisite: [], preferred: [] }, node, inFast)).toBe(true);
  expect(wishRank(requirement, node, { name: 'slow', named: true })).toBe(0);
  expect(wishRank(requirement, node, inFast)).toBe(1);
  expect(wishRank(null, node, inFast)).toBe(0);
});

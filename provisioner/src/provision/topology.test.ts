import { expect, test } from 'vitest';
import { nodeAffinityOf, type TopologyOptions, topologyRequirement } from './topology.ts';

const driverName = 'd.example.com';
const aNode = (name: string, labels: Record<string, string>) => ({ metadata: { name, labels } });
const nodes = [
  aNode('n1', { zone: 'a', host: 'n1' }),
  aNode('n2', { zone: 'b', host: 'n2' }),
  aNode('n3', { zone: 'c', host: 'n3' }),
];
const csiNodes = nodes.map(({ metadata: { name } }) => ({
  metadata: { name },
  spec: { drivers: [{ name: driverName, nodeID: name, topologyKeys: ['zone'] }] },
}));
const allow = (...values: string[]) => [{ matchLabelExpressions: [{ key: 'zone', values }] }];

function requirement(more: Partial<TopologyOptions>) {
  const found = topologyRequirement({
    driverName,
    claimName: 'c',
    allowedTopologies: undefined,
    selectedNode: undefined,
    nodes: (name) => nodes.find(({ metadata }) => metadata.name === name),
    csiNodes,
    strict: false,
    immediate: true,
    ...more,
  });
  const zones = (list: typeof found extends infer R ? (R extends { preferred?: infer L } ? L : never) : never) =>
    (list ?? []).map(({ segments }) => (segments as { zone: string } | undefined)?.zone).join('');
  return found && { requisite: zones(found.requisite), preferred: zones(found.preferred) };
}

for (const { about, options, expected } of [
  {
    about: 'a selected node, strictly',
    options: { selectedNode: nodes[1], strict: true },
    expected: { requisite: 'b', preferred: 'b' },
  },
  {
    about: 'a selected node',
    options: { selectedNode: nodes[1] },
    expected: { requisite: 'abc', preferred: 'bca' },
  },
  {
    about: 'a selected node among the allowed',
    options: { selectedNode: nodes[2], allowedTopologies: allow('c', 'a') },
    expected: { requisite: 'ac', preferred: 'ca' },
  },
  { about: 'no node and no offer of the cluster', options: { immediate: false }, expected: undefined },
  { about: 'a driver registered nowhere', options: { csiNodes: [] }, expected: undefined },
] satisfies { about: string; options: Partial<TopologyOptions>; expected: unknown }[]) {
  test(`the requirement of ${about}`, () => {
    expect(requirement(options)).toEqual(expected);
  });
}

test('claims of one StatefulSet start at neighbouring segments', () => {
  const starts = ['www-web-0', 'www-web-1', 'www-web-2'].map((claimName) => requirement({ claimName })?.preferred[0]);
  expect(starts.toSorted().join('')).toBe('abc');
});

test('a selected node outside the allowed topologies is an error', () => {
  expect(() => requirement({ selectedNode: nodes[1], allowedTopologies: allow('a') })).toThrow(
    /not in allowed topologies/,
  );
  expect(() => requirement({ selectedNode: nodes[1], allowedTopologies: allow('a'), strict: true })).toThrow(
    /not in allowed topologies/,
  );
});

test('a selected node without the driver or its labels is an error', () => {
  expect(() => requirement({ selectedNode: aNode('n9', {}) })).toThrow(/no topology key found/);
  expect(() => requirement({ selectedNode: aNode('n1', { host: 'n1' }) })).toThrow(/does not match topology keys/);
});

test('accessible topology becomes node affinity, a term a topology', () => {
  expect(nodeAffinityOf([])).toBeUndefined();
  expect(nodeAffinityOf([{ segments: { zone: 'a', rack: '1' } }, { segments: { zone: 'b' } }])).toEqual({
    required: {
      nodeSelectorTerms: [
        {
          matchExpressions: [
            { key: 'rack', operator: 'In', values: ['1'] },
            { key: 'zone', operator: 'In', values: ['a'] },
          ],
        },
        { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] },
      ],
    },
  });
});

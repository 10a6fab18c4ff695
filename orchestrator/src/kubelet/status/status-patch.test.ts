import { expect, test } from 'vitest';
import { statusPatch } from './status-patch.ts';

test('equal statuses make no patch', () => {
  expect(statusPatch({ phase: 'Running', conditions: [] }, { phase: 'Running', conditions: [] })).toBeUndefined();
});

test('only changed conditions are sent, with null for what they lose', () => {
  const from = {
    phase: 'Pending',
    conditions: [
      { type: 'A', status: 'True' },
      { type: 'B', status: 'False', reason: 'r' },
    ],
  };
  const to = {
    phase: 'Running',
    conditions: [
      { type: 'A', status: 'True' },
      { type: 'B', status: 'True' },
    ],
  };
  expect(statusPatch(from, to)).toEqual({
    phase: 'Running',
    '$setElementOrder/conditions': [{ type: 'A' }, { type: 'B' }],
    conditions: [{ type: 'B', status: 'True', reason: null }],
  });
});

test('addresses that changed replace the old ones, gone fields become null', () => {
  expect(statusPatch({ podIPs: [{ ip: '1.1.1.1' }], message: 'm' }, { podIPs: [{ ip: '2.2.2.2' }] })).toEqual({
    podIPs: [{ $patch: 'replace' }, { ip: '2.2.2.2' }],
    message: null,
  });
});

import { expect, test } from 'vitest';
import { anAuthority } from '../../../../../test/harness/api-server.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { approvalUpdateErrors, prepareApproval, prepareStatus, statusErrors } from './signing-request-status.ts';

const context = { now: Date.parse('2026-03-04T05:06:07.890Z'), user: 'u', groups: [], newUid: () => 'uid' };
const spec = { signerName: 'a.b/c', request: '', usages: ['any'] };
const request = (status: object) => ({ metadata: { name: 'r' }, spec, status: structuredClone(status) }) as AnyObject;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const approved = { type: 'Approved', status: 'True', reason: 'Trusted' };
const errors = (list: readonly { readonly field: string; readonly message: string }[]) =>
  list.map(({ field, message }) => `${field}: ${message}`);

test.each([
  ['no certificate', 'Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'],
  [
    '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    'Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY"',
  ],
  [
    '-----BEGIN CERTIFICATE-----\nName: x\n\nAAAA\n-----END CERTIFICATE-----\n',
    'Invalid value: "<certificate data>": no PEM block headers are permitted',
  ],
  [
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'Invalid value: "<certificate data>": x509: malformed certificate',
  ],
])('%j is not issued', (text, message) => {
  const before = request({ conditions: [approved] });
  const after = request({ conditions: [approved], certificate: base64(text) });
  expect(errors(statusErrors(after, before))).toEqual([`status.certificate: ${message}`]);
  // What is there already is let be.
  expect(statusErrors(after, after)).toEqual([]);
});

test('a certificate is issued once', async () => {
  const [one, other] = [await anAuthority('CN=one'), await anAuthority('CN=other')];
  const issued = request({ certificate: base64(`a comment\n${one.cert}\n${other.cert}`) });
  expect(statusErrors(issued, request({}))).toEqual([]);
  expect(errors(statusErrors(request({ certificate: base64(other.cert) }), issued))).toEqual([
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  ]);
});

test('status keeps who approved, and approval keeps all but the conditions', () => {
  const before = request({
    conditions: [{ ...approved, lastTransitionTime: '2020-01-01T00:00:00Z' }],
    certificate: 'x',
  });
  const status = request({
    conditions: [
      { type: 'Approved', status: 'True', reason: 'Forged' },
      { type: 'Failed', status: 'True' },
    ],
  });
  prepareStatus(status, before, context);
  expect(status['status']).toMatchObject({
    conditions: [
      { ...approved, lastTransitionTime: '2020-01-01T00:00:00Z' },
      { type: 'Failed', lastUpdateTime: '2026-03-04T05:06:07Z', lastTransitionTime: '2026-03-04T05:06:07Z' },
    ],
  });
  const approval = request({ conditions: [approved], certificate: 'forged' });
  prepareApproval(approval, before, context);
  expect(approval['status']).toEqual({
    certificate: 'x',
    conditions: [{ ...approved, lastUpdateTime: '2026-03-04T05:06:07Z', lastTransitionTime: '2020-01-01T00:00:00Z' }],
  });
});

test('nobody approves at /status, takes a decision back, or decides both ways', () => {
  const [none, decided] = [request({}), request({ conditions: [approved] })];
  expect(errors(statusErrors(decided, none))).toEqual([
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ]);
  expect(errors(approvalUpdateErrors(none, decided))).toEqual([
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ]);
  const denied = { type: 'Denied', status: 'True' };
  expect(errors(approvalUpdateErrors(request({ conditions: [approved, denied] }), decided))).toEqual([
    'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ]);
  const wrong = request({
    conditions: [{ type: 'Approved', status: 'False' }, { type: '' }, { type: 'Approved', status: 'True' }],
  });
  expect(errors(approvalUpdateErrors(wrong, none))).toEqual([
    'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
    'status.conditions[1].type: Required value',
    'status.conditions[1].status: Required value',
    'status.conditions[2].type: Duplicate value: "Approved"',
  ]);
});

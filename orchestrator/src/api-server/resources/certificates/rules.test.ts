import { expect, test } from 'vitest';
import type { AnyObject } from '../../resource-definition.ts';
import { signingRequestRules } from './rules.ts';

/** validation.validateCertificateSigningRequest asks the list twice. */
test('all unknown usages of a certificate are told before those that are given twice', () => {
  const usages = ['foo', 'any', 'foo', 'any'];
  const request = { metadata: { name: 'r' }, spec: { signerName: 'a.b/c', request: '', usages } } as AnyObject;
  const found = signingRequestRules.rules?.validate?.(request) ?? [];
  const told = found.filter(({ field }) => field.startsWith('spec.usages'));
  expect(told.map(({ field, message }) => `${field} ${message.split(':')[0]}`)).toEqual([
    'spec.usages[0] Unsupported value',
    'spec.usages[2] Unsupported value',
    'spec.usages[2] Duplicate value',
    'spec.usages[3] Duplicate value',
  ]);
});

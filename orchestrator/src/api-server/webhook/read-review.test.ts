import { expect, test } from 'vitest';
import { readReview } from './read-review.ts';

const about = { group: 'admission.k8s.io', kind: 'AdmissionReview', response: 'AdmissionReview', fields: {} };

test.each([
  ['Status', 'v1', 'converting (v1.Status) to (v1.AdmissionReview): unknown conversion'],
  ['APIGroup', 'v1', 'converting (v1.APIGroup) to (v1.AdmissionReview): unknown conversion'],
  [
    'AdmissionReview',
    'admission.k8s.io/v1beta1',
    'converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown',
  ],
  ['Status', 'v2', 'no kind "Status" is registered for version "v2"'],
  ['Pod', 'v1', 'no kind "Pod" is registered for version "v1"'],
])('an answer that is a %s of %s is refused in client-go’s words', (kind, apiVersion, why) => {
  expect(() => readReview({ kind, apiVersion }, 'v1', about)).toThrow(why);
});

import { expect, test } from 'vitest';
import { CallError } from './call-error.ts';
import { readStatus, type StatusReview } from './read-status.ts';

const access: StatusReview = { group: 'authorization.k8s.io', kind: 'SubjectAccessReview', version: 'v1' };
const token: StatusReview = { group: 'authentication.k8s.io', kind: 'TokenReview', version: 'v1beta1' };
const status = { allowed: true };

test('a status is read whether or not the answer says what it is', () => {
  const said = { kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', status };
  const { kind: _, ...kindless } = said;
  for (const answer of [said, kindless, { status }]) expect(readStatus(answer, access)).toEqual(status);
  for (const answer of [null, {}, { Status: status }])
    expect(readStatus(answer, access)).not.toHaveProperty('allowed', true);
});

// What kube-apiserver 1.36.3 says of such an answer.
test.each<[StatusReview, unknown, string]>([
  [
    access,
    { kind: 'Pod', apiVersion: 'v1', status },
    'converting (v1.Pod) to (v1.SubjectAccessReview): unknown conversion',
  ],
  [
    access,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure' },
    'converting (v1.Status) to (v1.SubjectAccessReview): unknown conversion',
  ],
  [
    access,
    { kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1beta1', status },
    'converting (v1beta1.SubjectAccessReview) to (v1.SubjectAccessReview): unknown conversion',
  ],
  [
    access,
    { kind: 'X', status },
    'no kind "X" is registered for version "authorization.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    access,
    { kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v7', status },
    'no kind "SubjectAccessReview" is registered for version "authorization.k8s.io/v7" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    access,
    { status: { allowed: 'true' } },
    'json: cannot unmarshal string into Go struct field SubjectAccessReviewStatus.status.allowed of type bool',
  ],
  [
    access,
    { status: 3 },
    'json: cannot unmarshal number into Go struct field SubjectAccessReview.status of type v1.SubjectAccessReviewStatus',
  ],
  [
    token,
    { status: 3 },
    'json: cannot unmarshal number into Go struct field TokenReview.status of type v1beta1.TokenReviewStatus',
  ],
  [
    token,
    { status: { authenticated: true, user: { username: 'a', groups: 'system:masters' } } },
    'json: cannot unmarshal string into Go struct field UserInfo.status.user.groups of type []string',
  ],
])('an answer to %o that is none is refused: %j', (about, answer, words) => {
  expect(() => readStatus(answer, about)).toThrow(new CallError(words));
});

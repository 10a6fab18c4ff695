import { expect, test } from 'vitest';
import { parseAuthorizationConfiguration } from './authorization-configuration.ts';

function complaintOf(text: string, before?: string): string {
  try {
    parseAuthorizationConfiguration(text, before === undefined ? undefined : parseAuthorizationConfiguration(before));
    return '';
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
const file = (...authorizers: object[]) => JSON.stringify({ ...head, authorizers });
const rbac = { type: 'RBAC', name: 'rbac' };
const settings = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  matchConditionSubjectAccessReviewVersion: 'v1',
  failurePolicy: 'Deny',
  authorizedTTL: '30s',
  unauthorizedTTL: '30s',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: import.meta.filename },
  matchConditions: [{ expression: 'request.user == "a"' }],
};
const webhook = (more: object = {}) => file({ type: 'Webhook', name: 'w', webhook: { ...settings, ...more } });
const connection = (connectionInfo: object) => webhook({ connectionInfo });

// As kube-apiserver 1.36.3 says it.
test.each([
  ['', 'authorizers: Required value: at least one authorization mode must be defined'],
  [
    'apiVersion: apiserver.config.k8s.io/v1\nkind: Foo\n',
    'failed to load AuthorizationConfiguration from file: no kind "Foo" is registered for version "apiserver.config.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    JSON.stringify({ ...head, foo: 1, authorizers: [] }),
    'failed to load AuthorizationConfiguration from file: strict decoding error: unknown field "foo"',
  ],
  [
    file(
      { name: 'a' },
      { type: 'Foo', name: 'x' },
      rbac,
      rbac,
      { type: 'Node', name: 'rbac' },
      { type: 'ABAC' },
      { type: 'AlwaysAllow', name: 'A_B' },
      { type: 'Webhook', name: 'q' },
      { type: 'AlwaysDeny', name: 'd', webhook: settings },
    ),
    '[authorizers[0].type: Required value, authorizers[1].type: Unsupported value: "Foo": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook", authorizers[3].type: Duplicate value: "RBAC", authorizers[4].name: Duplicate value: "rbac", authorizers[5].name: Required value, authorizers[6].name: Invalid value: "A_B": authorizer name is invalid: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\'), authorizers[7].webhook: Required value: required when type=Webhook, authorizers[8].webhook: Invalid value: "non-null": may only be specified when type=Webhook]',
  ],
  [
    file({ type: 'Webhook', name: 'w', webhook: { matchConditions: settings.matchConditions } }),
    '[authorizers[0].timeout: Required value, authorizers[0].subjectAccessReviewVersion: Required value, authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified, authorizers[0].failurePolicy: Required value, authorizers[0].connectionInfo.type: Required value]',
  ],
  [
    webhook({
      timeout: '31s',
      authorizedTTL: '-1s',
      unauthorizedTTL: '-2m',
      subjectAccessReviewVersion: 'v2',
      matchConditionSubjectAccessReviewVersion: 'v1beta1',
      failurePolicy: 'Ignore',
      connectionInfo: { type: 'Foo' },
    }),
    '[authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s, authorizers[0].authorizedTTL: Invalid value: "-1s": must be > 0s, authorizers[0].unauthorizedTTL: Invalid value: "-2m0s": must be > 0s, authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1", authorizers[0].matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": supported values: "v1", authorizers[0].failurePolicy: Unsupported value: "Ignore": supported values: "NoOpinion", "Deny", authorizers[0].connectionInfo.type: Unsupported value: {"Type":"Foo","KubeConfigFile":null}: supported values: "InClusterConfig", "KubeConfigFile"]',
  ],
  [
    connection({ type: 'InClusterConfig', kubeConfigFile: '/a' }),
    'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "/a": can only be set when type=KubeConfigFile',
  ],
  [
    connection({ type: 'KubeConfigFile', kubeConfigFile: 'a/b' }),
    'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "a/b": must be an absolute path',
  ],
  [
    connection({ type: 'KubeConfigFile', kubeConfigFile: '/nope' }),
    'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "/nope": error loading file: stat /nope: no such file or directory',
  ],
  [
    connection({ type: 'KubeConfigFile', kubeConfigFile: '/tmp' }),
    'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "/tmp": must be a regular file',
  ],
  [
    webhook({
      matchConditions: ['', 'request.user', 'request.foo', 'true', 'true', 'a b'].map((expression) => ({ expression })),
    }),
    '[authorizers[0].matchConditions[0].expression: Required value, authorizers[0].matchConditions[1].expression: Invalid value: "request.user": must evaluate to bool but got string, authorizers[0].matchConditions[2].expression: Invalid value: "request.foo": compilation failed: ERROR: <input>:1:8: undefined field \'foo\'\n | request.foo\n | .......^, authorizers[0].matchConditions[4].expression: Duplicate value: "true", authorizers[0].matchConditions[5].expression: Invalid value: "a b": compilation failed: ERROR: <input>:1:3: Syntax error: extraneous input \'b\' expecting <EOF>\n | a b\n | ..^]',
  ],
  [webhook({ timeout: 'x' }), 'failed to load AuthorizationConfiguration from file: time: invalid duration "x"'],
  [
    webhook({ timeout: 3 }),
    'failed to load AuthorizationConfiguration from file: json: cannot unmarshal number into Go struct field WebhookConfiguration.authorizers.webhook.timeout of type string',
  ],
  [file({ type: 'RBAC', name: 'r' }), 'expected name rbac for authorizer RBAC instead of r'],
])('a file that is wrong is refused with all that is: %s', (text, why) => {
  expect(complaintOf(text)).toBe(why);
});

test('what is not said is filled in, and what there is no cache of is kept for no time', () => {
  const [read] = parseAuthorizationConfiguration(
    webhook({ authorizedTTL: undefined, unauthorizedTTL: undefined, cacheUnauthorizedRequests: false }),
  );
  const { conditions: _, ...rest } = read?.webhook ?? {};
  expect(rest).toEqual({
    configFile: import.meta.filename,
    version: 'v1',
    timeoutMs: 3000,
    authorizedTtlMs: 300_000,
    unauthorizedTtlMs: 0,
    deniesOnError: true,
  });
});

test('only webhooks go', () => {
  expect(complaintOf(file(rbac), file(rbac, { type: 'AlwaysDeny', name: 'alwaysdeny' }))).toBe(
    'missing required types: [AlwaysDeny]',
  );
  expect(
    complaintOf(file(rbac), JSON.stringify({ ...head, authorizers: [rbac, JSON.parse(webhook()).authorizers[0]] })),
  ).toBe('');
});

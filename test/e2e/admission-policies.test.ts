import { afterAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { Kubectl } from '../harness/kubectl.ts';

const berth = await Berth.start();
afterAll(() => berth[Symbol.asyncDispose]());

const onDeployments = (rest: string) => `
  matchConstraints:
    resourceRules:
      - {apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["deployments"]}
${rest}`;

/** The documents' example: a policy by a definition of its own, bound with a limit for a namespace. */
const replicaLimit = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: replicalimits.rules.example.com}
spec:
  group: rules.example.com
  names: {plural: replicalimits, singular: replicalimit, kind: ReplicaLimit}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: {maxReplicas: {type: integer}}
          x-kubernetes-validations: [{rule: "self.maxReplicas > 0", message: "must be positive"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicalimit-policy.example.com}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: rules.example.com/v1, kind: ReplicaLimit}${onDeployments(`
  matchConditions: [{name: not-exempt, expression: "!('exempt' in object.metadata.?labels.orValue({}))"}]
  validations:
    - expression: "object.spec.replicas <= params.maxReplicas"
      reason: Invalid
      messageExpression: "'replicas must be no more than ' + string(params.maxReplicas)"
`)}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicalimit-binding-test.example.com}
spec:
  policyName: replicalimit-policy.example.com
  validationActions: [Deny]
  paramRef: {name: replica-limit-test.example.com, namespace: limited, parameterNotFoundAction: Deny}
  matchResources: {namespaceSelector: {matchLabels: {environment: test}}}
`;

const limit = (max: number) => `
apiVersion: rules.example.com/v1
kind: ReplicaLimit
metadata: {name: replica-limit-test.example.com, namespace: limited}
maxReplicas: ${max}
`;

test('the documents’ replica limit: params of an own kind, bound to namespaces by label', async () => {
  const kubectl = new Kubectl(berth, '1.33', 'limited');
  await kubectl.run('create', 'namespace', 'limited');
  await kubectl.run('label', 'namespace', 'limited', 'environment=test');
  await kubectl.feed(replicaLimit, 'apply', '-f', '-');
  await kubectl.run('wait', '--for=condition=Established', 'crd/replicalimits.rules.example.com', '--timeout=120s');
  await eventually(async () => {
    const refused = await kubectl.fails(
      'create',
      'deployment',
      'a',
      '--image=nginx',
      '--replicas=1',
      '--dry-run=server',
    );
    expect(refused).toContain('no params found for policy binding with `Deny` parameterNotFoundAction');
    return true;
  });
  expect((await kubectl.try(['apply', '-f', '-'], limit(0))).stderr).toContain(
    'The ReplicaLimit "replica-limit-test.example.com" is invalid: <nil>: Invalid value: must be positive',
  );
  await kubectl.feed(limit(3), 'apply', '-f', '-');
  await eventually(async () => {
    await kubectl.run('create', 'deployment', 'a', '--image=nginx', '--replicas=3', '--dry-run=server');
    return true;
  });
  expect(await kubectl.fails('create', 'deployment', 'a', '--image=nginx', '--replicas=4')).toBe(
    "error: failed to create deployment: deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'replicalimit-policy.example.com' with binding 'replicalimit-binding-test.example.com' denied request: replicas must be no more than 3\n",
  );
  await kubectl.run(
    'patch',
    'validatingadmissionpolicybinding',
    'replicalimit-binding-test.example.com',
    '--type=merge',
    '-p',
    '{"spec":{"validationActions":["Warn"]}}',
  );
  await eventually(async () => {
    const { code, stderr } = await kubectl.try([
      'create',
      'deployment',
      'a',
      '--image=nginx',
      '--replicas=4',
      '--dry-run=server',
    ]);
    expect([code, stderr]).toEqual([
      0,
      "Warning: Validation failed for ValidatingAdmissionPolicy 'replicalimit-policy.example.com' with binding 'replicalimit-binding-test.example.com': replicas must be no more than 3\n",
    ]);
    return true;
  });
  expect(await kubectl.run('get', 'validatingadmissionpolicies')).toMatch(
    /^NAME +VALIDATIONS +PARAMKIND +AGE\nreplicalimit-policy.example.com +1 +rules.example.com\/v1\/ReplicaLimit +/,
  );
});

const mistyped = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: deploy-replica-policy.example.com}
spec:${onDeployments(`
  validations:
    - expression: "object.replicas > 1" # should be "object.spec.replicas > 1"
      message: "must be replicated"
`)}
`;

test('the documents’ mistyped policy: its status says which field there is not', async () => {
  const kubectl = new Kubectl(berth, '1.33', 'default');
  await kubectl.feed(mistyped, 'apply', '-f', '-');
  const status = '--for=jsonpath={.status.observedGeneration}=1';
  const name = 'validatingadmissionpolicy/deploy-replica-policy.example.com';
  await kubectl.run('wait', status, name, '--timeout=120s');
  expect(JSON.parse(await kubectl.run('get', name, '-o', 'jsonpath={.status.typeChecking}'))).toEqual({
    expressionWarnings: [
      {
        fieldRef: 'spec.validations[0].expression',
        warning: `apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'
 | object.replicas > 1
 | ......^
`,
      },
    ],
  });
});

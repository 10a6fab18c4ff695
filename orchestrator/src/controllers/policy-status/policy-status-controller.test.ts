import { seededRng, silentLogger } from '@berth/kit';
import { resources, startInformers, type ValidatingAdmissionPolicySpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { aCustomServer, fooDefinition } from '../../api-server/custom-resources/custom-resources.harness.ts';
import { untilSo } from '../controller.test-harness.ts';
import { startPolicyStatusController } from './policy-status-controller.ts';

async function scene() {
  const server = await aCustomServer();
  const { client, clock } = server;
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const recorder = () => ({ event: () => undefined });
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder };
  const controller = startPolicyStatusController(deps, stop.signal);
  return {
    ...server,
    checked: (name: string, generation: number) =>
      untilSo(clock, async () => {
        const policy = await client.get(resources.validatingadmissionpolicies, { name });
        return policy.status?.observedGeneration === generation && policy;
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function aSpec(expression: string, apiGroup: string, resource: string, version = 'v1'): ValidatingAdmissionPolicySpec {
  const rule = { apiGroups: [apiGroup], apiVersions: [version], operations: ['*'], resources: [resource] };
  return { matchConstraints: { resourceRules: [rule] }, validations: [{ expression }] };
}

test('a policy’s status says what its expressions get wrong, and of which generation', async () => {
  await using s = await scene();
  const name = 'p';
  await s.client.create(resources.validatingadmissionpolicies, {
    metadata: { name },
    spec: aSpec('object.spec.image == "x"', '', 'pods'),
  });
  const { metadata, status } = await s.checked(name, 1);
  expect(status).toEqual({
    observedGeneration: 1,
    typeChecking: {
      expressionWarnings: [
        {
          fieldRef: 'spec.validations[0].expression',
          warning:
            '/v1, Kind=Pod: ERROR: <input>:1:12: undefined field \'image\'\n | object.spec.image == "x"\n | ...........^\n',
        },
      ],
    },
  });
  const good = aSpec('object.spec.hostNetwork == false', '', 'pods');
  await s.client.update(resources.validatingadmissionpolicies, { metadata, spec: good });
  // What is applied no more is pruned, and what is empty then is not there.
  expect((await s.checked(name, 2)).status).toEqual({ observedGeneration: 2 });
  await s.client.create(resources.validatingadmissionpolicies, { metadata: { name: 'good' }, spec: good });
  expect((await s.checked('good', 1)).status).toEqual({ observedGeneration: 1, typeChecking: {} });
});

test('custom resources are looked at by the schema of their definition', async () => {
  await using s = await scene();
  await s.define(fooDefinition());
  const group = 'samplecontroller.k8s.io';
  await s.client.create(resources.validatingadmissionpolicies, {
    metadata: { name: 'custom' },
    spec: aSpec('object.spec.nothing == object.metadata.labels["a"]', group, 'foos', 'v1alpha1'),
  });
  const [warning] = (await s.checked('custom', 1)).status?.typeChecking?.expressionWarnings ?? [];
  expect(warning?.warning).toMatch(
    /^samplecontroller\.k8s\.io\/v1alpha1, Kind=Foo: ERROR: .*undefined field 'nothing'/,
  );
});

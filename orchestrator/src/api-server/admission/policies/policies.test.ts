import { setImmediate } from 'node:timers/promises';
import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aConfigMap, aServer } from '../../server.test-harness.ts';

const about = (plural: string, group = '') => ({
  resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: [plural] }],
});

type Server = Awaited<ReturnType<typeof aServer>>;

async function policy(s: Server, name: string, spec: object, binding: object = {}) {
  const matchConstraints = about('configmaps');
  await s.client.create(resources.validatingadmissionpolicies, {
    metadata: { name },
    spec: { matchConstraints, ...spec } as never,
  });
  await s.client.create(resources.validatingadmissionpolicybindings, {
    metadata: { name: `${name}-binding` },
    spec: { policyName: name, validationActions: ['Deny'], ...binding } as never,
  });
  // What was written is seen by the watch that admission follows.
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await setImmediate();
}

const create = (s: Server, name: string, data: Record<string, string>) =>
  s.client.create(resources.configmaps, aConfigMap(name, { data }) as never);

test('a policy refuses what its expression says no to, in upstream’s words', async () => {
  await using s = await aServer();
  await policy(s, 'few-keys', { validations: [{ expression: 'size(object.data) <= 1' }] });
  await create(s, 'a', { x: '1' });
  await expect(create(s, 'b', { x: '1', y: '2' })).rejects.toMatchObject({
    status: {
      code: 422,
      reason: 'Invalid',
      message: `configmaps "b" is forbidden: ValidatingAdmissionPolicy 'few-keys' with binding 'few-keys-binding' denied request: failed expression: size(object.data) <= 1`,
      details: {
        name: 'b',
        kind: 'configmaps',
        causes: [
          {
            message: `ValidatingAdmissionPolicy 'few-keys' with binding 'few-keys-binding' denied request: failed expression: size(object.data) <= 1`,
          },
        ],
      },
    },
  });
});

test('what a request has none of is null: the object of a deletion, the old one of a creation', async () => {
  await using s = await aServer();
  const all = {
    resourceRules: [{ apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: ['configmaps'] }],
  };
  const expression =
    "request.operation == 'CREATE' ? oldObject == null && !has(oldObject.data) : object == null && oldObject != null";
  await policy(s, 'nulls', { matchConstraints: all, validations: [{ expression }] });
  await create(s, 'a', {});
  await s.client.delete(resources.configmaps, { namespace: 'default', name: 'a' });
});

/** How many turns of the event loop something takes. */
async function turnsOf(run: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const counting = (async () => {
    for (; !isOver; turns++) await setImmediate();
  })();
  await run();
  isOver = true;
  await counting;
  return turns;
}

test('many policies about one object are compiled and evaluated in many turns, and all of them count', async () => {
  await using s = await aServer();
  await policy(s, 'q', { validations: [{ expression: 'size(object.data) < 2' }] });
  // What is loaded with the first policy takes turns, too.
  await create(s, 'first', { x: '1' });
  const expression = `${'size(object.data) < 100 && '.repeat(50)}true`;
  for (let i = 0; i < 15; i++) await policy(s, `p-${i}`, { validations: Array(3).fill({ expression }) });
  const compiling = await turnsOf(() => create(s, 'a', { x: '1' }));
  expect(compiling - (await turnsOf(() => create(s, 'c', { x: '1' })))).toBeGreaterThanOrEqual(4);
  await expect(create(s, 'b', { x: '1', y: '2' })).rejects.toThrow("ValidatingAdmissionPolicy 'q'");
});

test('expressions of many policies that are created at once are read in many turns', async () => {
  await using s = await aServer();
  const createAll = (prefix: string, expression: string) => () =>
    Promise.all(Array.from({ length: 15 }, (_, i) => policy(s, `${prefix}-${i}`, { validations: [{ expression }] })));
  await policy(s, 'first', { validations: [{ expression: 'true' }] });
  const short = await turnsOf(createAll('short', 'true'));
  const long = await turnsOf(createAll('long', `${'size(object.data) < 100 && '.repeat(150)}true`));
  expect(long - short).toBeGreaterThanOrEqual(8);
});

test('variables, messages by expression and reasons are used', async () => {
  await using s = await aServer();
  await policy(s, 'p', {
    variables: [
      { name: 'keys', expression: 'size(object.data)' },
      { name: 'limit', expression: 'variables.keys > 100 ? 0 : 1' },
    ],
    validations: [
      {
        expression: 'variables.keys <= variables.limit',
        messageExpression: "'at most ' + string(variables.limit) + ' key, not ' + string(variables.keys)",
        reason: 'Forbidden',
      },
    ],
  });
  await expect(create(s, 'b', { x: '1', y: '2' })).rejects.toMatchObject({
    status: { code: 403, reason: 'Forbidden', message: expect.stringMatching(/denied request: at most 1 key, not 2$/) },
  });
});

test('params come from objects by name or selector; none found is refused where the binding says so', async () => {
  await using s = await aServer();
  const paramRef = { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' };
  await policy(
    s,
    'limited',
    {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConditions: [{ name: 'not-the-limits', expression: "request.name != 'limits'" }],
      validations: [{ expression: 'object.data.x.size() <= int(params.data.max)', message: 'too long' }],
    },
    { paramRef },
  );
  await expect(create(s, 'early', { x: '1' })).rejects.toMatchObject({
    status: {
      message:
        "configmaps \"early\" is forbidden: ValidatingAdmissionPolicy 'limited' with binding 'limited-binding' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    },
  });
  await s.client.delete(resources.validatingadmissionpolicybindings, { name: 'limited-binding' });
  await setImmediate();
  await create(s, 'limits', { max: '3' });
  await s.client.create(resources.validatingadmissionpolicybindings, {
    metadata: { name: 'again' },
    spec: { policyName: 'limited', validationActions: ['Deny'], paramRef } as never,
  });
  await setImmediate();
  await create(s, 'short', { x: 'abc' });
  await expect(create(s, 'long', { x: 'abcd' })).rejects.toMatchObject({
    status: { message: expect.stringMatching(/denied request: too long$/) },
  });
});

test('an expression that fails refuses, unless failures are ignored', async () => {
  await using s = await aServer();
  const validations = [{ expression: 'object.data.nope == "x"' }];
  await policy(s, 'ignored', { failurePolicy: 'Ignore', validations });
  await create(s, 'a', { x: '1' });
  await policy(s, 'strict', { validations });
  await expect(create(s, 'b', { x: '1' })).rejects.toMatchObject({
    status: {
      message: `configmaps "b" is forbidden: ValidatingAdmissionPolicy 'strict' with binding 'strict-binding' denied request: expression 'object.data.nope == "x"' resulted in error: no such key: nope`,
    },
  });
});

test('the authorizer is asked what the user may do', async () => {
  await using s = await aServer();
  const expression = "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()";
  await policy(s, 'may', { validations: [{ expression }] });
  await create(s, 'a', { x: '1' });
});

test('a policy whose expressions cannot be read is refused with the place', async () => {
  await using s = await aServer();
  const spec = {
    matchConstraints: about('configmaps'),
    matchConditions: [{ name: 'a', expression: '1 + 1' }],
    variables: [{ name: 'bad name', expression: 'x.y' }],
    validations: [{ expression: 'object.data +', messageExpression: '5', reason: 'Whatever' }],
  };
  const answer = s.client.create(resources.validatingadmissionpolicies, {
    metadata: { name: 'p' },
    spec: spec as never,
  });
  await expect(answer).rejects.toMatchObject({
    status: {
      code: 422,
      details: {
        causes: [
          {
            field: 'spec.matchConditions[0].expression',
            message: 'Invalid value: "1 + 1": must evaluate to bool but got int',
          },
          {
            field: 'spec.variables[0].name',
            message: 'Invalid value: "bad name": must be a valid CEL identifier',
          },
          {
            field: 'spec.variables[0].expression',
            message:
              "Invalid value: \"x.y\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x.y\n | ^",
          },
          {
            field: 'spec.validations[0].expression',
            message: expect.stringMatching(
              /^Invalid value: "object\.data \+": compilation failed: ERROR: <input>:1:14: Syntax error: mismatched input '<EOF>' expecting \{/,
            ),
          },
          {
            field: 'spec.validations[0].messageExpression',
            message: 'Invalid value: "5": must evaluate to string but got int',
          },
          {
            field: 'spec.validations[0].reason',
            message: 'Unsupported value: "Whatever": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
          },
        ],
      },
    },
  });
});

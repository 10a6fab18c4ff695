import { afterAll, afterEach, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { sampleController } from '../harness/sample-controller.ts';
import { snapshotDefinitions } from '../harness/snapshot-definitions.ts';

const berth = await Berth.start();
const sample = sampleController();
afterAll(() => berth[Symbol.asyncDispose]());

const crd = 'crd/foos.samplecontroller.k8s.io';

for (const version of ['1.27', '1.33']) {
  test(`kubectl ${version} works with the documents' foos.samplecontroller.k8s.io`, async () => {
    const kubectl = await Kubectl.in(berth, version, 'foos');
    expect(await kubectl.run('create', '-f', sample.definition)).toBe(
      'customresourcedefinition.apiextensions.k8s.io/foos.samplecontroller.k8s.io created\n',
    );
    await kubectl.run('wait', '--for=condition=Established', crd, '--timeout=120s');
    expect(await kubectl.run('create', '-f', sample.example)).toBe('foo.samplecontroller.k8s.io/example-foo created\n');
    expect(await kubectl.run('get', 'foos')).toMatch(/^NAME +AGE\nexample-foo +\d+s\n$/);
    expect(await kubectl.run('get', 'foo', 'example-foo', '-o', 'jsonpath={.spec}')).toBe(
      '{"deploymentName":"example-foo","replicas":1}',
    );
    expect(await kubectl.run('api-resources', '--api-group=samplecontroller.k8s.io', '--no-headers')).toMatch(
      /^foos +samplecontroller.k8s.io\/v1alpha1 +true +Foo\n$/,
    );
    expect(await kubectl.run('explain', 'foo.spec')).toMatch(
      /FIELDS:\n\s+deploymentName\s+<string>\n[\s\S]*replicas\s+<integer>/,
    );
    // What upstream's conformance suite reads there.
    expect(await kubectl.run('explain', 'foo')).toMatch(/apiVersion\s+<string>\s+APIVersion defines/);
    expect(await kubectl.run('explain', 'foo.metadata')).toMatch(
      /creationTimestamp\s+<string>\s+CreationTimestamp is a timestamp/,
    );
    expect(
      await kubectl.fails('patch', 'foo', 'example-foo', '--type=merge', '-p', '{"spec":{"replicas":11}}'),
    ).toContain(
      'The Foo "example-foo" is invalid: spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
    );
    const changed = sample.text(sample.example).replace('replicas: 1', 'replicas: 2');
    expect(await kubectl.feed(changed, 'apply', '-f', '-')).toContain(
      'foo.samplecontroller.k8s.io/example-foo configured',
    );
    const unknown = await kubectl
      .feed(changed.replace('spec:', 'spec:\n  replica: 3'), 'apply', '-f', '-')
      .catch(String);
    expect(unknown).toContain('unknown field "spec.replica"');
    expect(await kubectl.feed(changed, 'apply', '--server-side', '--force-conflicts', '-f', '-')).toContain(
      'serverside-applied',
    );
    expect(await kubectl.fails('patch', 'foo', 'example-foo', '-p', '{"spec":{}}')).toContain(
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
    expect(await kubectl.run('describe', 'foo', 'example-foo')).toMatch(
      /Spec:\n\s+Deployment Name:\s+example-foo\n\s+Replicas:\s+2/,
    );
    expect(await kubectl.run('delete', 'foo', '--all')).toBe('foo.samplecontroller.k8s.io "example-foo" deleted\n');
    await kubectl.run('create', '-f', sample.example);
    await kubectl.run('delete', '-f', sample.definition);
    expect(await kubectl.fails('get', 'foos')).toContain('the server could not find the requested resource');
  });
}

afterEach(async () => {
  const kubectl = new Kubectl(berth, '1.33', 'default');
  await kubectl.run('delete', crd, '--ignore-not-found');
});

const controllers = [
  ['an unmodified Go program', sample.run, sample.statusDefinition, sample.example],
  [
    'on our own client',
    sample.runOwn,
    'examples/sample-controller/definition.yaml',
    'examples/sample-controller/foo.yaml',
  ],
] as const;

for (const [what, run, definition, example] of controllers) {
  test(`the sample controller, ${what}, runs against it`, async () => {
    const kubectl = await Kubectl.in(berth, '1.33', run === sample.run ? 'sample' : 'own-sample');
    await kubectl.run('apply', '-f', definition);
    await kubectl.run('wait', '--for=condition=Established', crd, '--timeout=120s');
    await using controller = run(berth.ready.kubeconfig);
    await kubectl.run('create', '-f', example);
    const becomes = (answer: string, ...args: string[]) =>
      eventually(async () => (await kubectl.run(...args)).includes(answer), { what: `${args.join(' ')}: ${answer}` });
    const path = 'jsonpath={.spec.replicas} {.metadata.ownerReferences[0].kind}';
    await becomes('1 Foo', 'get', 'deployment', 'example-foo', '-o', path);
    await becomes('0', 'get', 'foo', 'example-foo', '-o', 'jsonpath={.status.availableReplicas}');
    const events = ['--field-selector', 'involvedObject.kind=Foo', '-o', 'jsonpath={.items[*].message}'];
    await becomes('Foo synced successfully', 'get', 'events', ...events);
    await kubectl.run('patch', 'foo', 'example-foo', '--type=merge', '-p', '{"spec":{"replicas":3}}');
    await becomes('3 Foo', 'get', 'deployment', 'example-foo', '-o', path);
    await kubectl.run('delete', 'foo', 'example-foo');
    await eventually(async () => (await kubectl.run('get', 'deployments', '-o', 'name')) === '');
    expect(controller.exitCode).toBeNull();
  });
}

test('the definitions of the external-snapshotter are taken, and keep their rules', async () => {
  const kubectl = await Kubectl.in(berth, '1.33', 'snapshots');
  const definitions = snapshotDefinitions();
  const names = [
    'volumesnapshotclasses.snapshot.storage.k8s.io',
    'volumesnapshotcontents.snapshot.storage.k8s.io',
    'volumesnapshots.snapshot.storage.k8s.io',
    'volumegroupsnapshotclasses.groupsnapshot.storage.k8s.io',
    'volumegroupsnapshotcontents.groupsnapshot.storage.k8s.io',
    'volumegroupsnapshots.groupsnapshot.storage.k8s.io',
  ].map((name) => `crd/${name}`);
  await kubectl.run('apply', ...definitions.flatMap((file) => ['-f', file]));
  await kubectl.run('wait', '--for=condition=Established', ...names, '--timeout=120s');
  const snapshot = (source: string) => `
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: { name: s }
spec: { volumeSnapshotClassName: c, source: { ${source} } }
`;
  expect(await kubectl.feed(snapshot('persistentVolumeClaimName: data'), 'apply', '-f', '-')).toBe(
    'volumesnapshot.snapshot.storage.k8s.io/s created\n',
  );
  expect(await kubectl.run('get', 'vs')).toMatch(
    /^NAME +READYTOUSE +SOURCEPVC +SOURCESNAPSHOTCONTENT +RESTORESIZE +SNAPSHOTCLASS +SNAPSHOTCONTENT +CREATIONTIME +AGE\ns +data +c +\d+s\n$/,
  );
  const changed = await kubectl.feed(snapshot('persistentVolumeClaimName: other'), 'apply', '-f', '-').catch(String);
  expect(changed).toContain('persistentVolumeClaimName is immutable');
  const both = snapshot('persistentVolumeClaimName: a, volumeSnapshotContentName: b').replace('name: s', 'name: t');
  expect(await kubectl.feed(both, 'apply', '-f', '-').catch(String)).toContain(
    'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set',
  );
  await kubectl.run('delete', ...names);
  expect(await kubectl.run('get', 'crd', '-o', 'name')).toBe('');
});

import { expect, test } from 'vitest';
import { driverParameters, fsTypeOf, secretsOfClass } from './class-parameters.ts';
import { secretReference } from './secret-reference.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates of a StorageClass
const subject = {
  volumeName: 'pvc-1',
  claim: { metadata: { name: 'c1', namespace: 'team', annotations: { 'example.com/key': 'k-7' } } },
};
const stage = (name: string, namespace: string) => ({
  'csi.storage.k8s.io/node-stage-secret-name': name,
  'csi.storage.k8s.io/node-stage-secret-namespace': namespace,
});
const resolve = (parameters: Record<string, string>) => secretReference(secretsOfClass.nodeStage, parameters, subject);

for (const { about, parameters, expected } of [
  { about: 'plain names', parameters: stage('s', 'n'), expected: { name: 's', namespace: 'n' } },
  {
    about: 'templates',
    parameters: stage('${pvc.name}-${pv.name}', '${pvc.namespace}'),
    expected: { name: 'c1-pvc-1', namespace: 'team' },
  },
  {
    about: 'an annotation in the name',
    parameters: stage("${pvc.annotations['example.com/key']}", 'n'),
    expected: { name: 'k-7', namespace: 'n' },
  },
  {
    about: 'the older spelling',
    parameters: { csiNodeStageSecretName: 'old', csiNodeStageSecretNamespace: 'n' },
    expected: { name: 'old', namespace: 'n' },
  },
  {
    about: 'the default for all',
    parameters: { 'csi.storage.k8s.io/secret-name': 'all', 'csi.storage.k8s.io/secret-namespace': 'n' },
    expected: { name: 'all', namespace: 'n' },
  },
  { about: 'nothing', parameters: {}, expected: undefined },
] as { about: string; parameters: Record<string, string>; expected: unknown }[]) {
  test(`a class with ${about} names its secret`, () => {
    expect(resolve(parameters)).toEqual(expected);
  });
}

for (const { about, parameters, message } of [
  {
    about: 'only a name',
    parameters: { 'csi.storage.k8s.io/node-stage-secret-name': 's' },
    message: /Both must be specified/,
  },
  { about: 'the claim’s name in the namespace', parameters: stage('s', '${pvc.name}'), message: /invalid tokens/ },
  {
    about: 'the claim’s annotation in the namespace',
    parameters: stage('s', "${pvc.annotations['example.com/key']}"),
    message: /invalid tokens/,
  },
  { about: 'an unknown token', parameters: stage('${pod.name}', 'n'), message: /invalid tokens: \["pod.name"\]/ },
  { about: 'a path for a name', parameters: stage('../s', 'n'), message: /not a valid secret name/ },
  { about: 'a namespace with a dot', parameters: stage('s', 'a.b'), message: /not a valid namespace name/ },
  {
    about: 'both spellings',
    parameters: { ...stage('s', 'n'), csiNodeStageSecretName: 'old', csiNodeStageSecretNamespace: 'n' },
    message: /deprecated and current/,
  },
] as { about: string; parameters: Record<string, string>; message: RegExp }[]) {
  test(`a class with ${about} is an error`, () => {
    expect(() => resolve(parameters)).toThrow(message);
  });
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: templates of a StorageClass

test('the driver gets no reserved, filesystem or secret parameters', () => {
  const parameters = { kind: 'ssd', fsType: 'xfs', csiProvisionerSecretName: 's', csiProvisionerSecretNamespace: 'n' };
  expect(driverParameters({ ...parameters, ...stage('s', 'n') })).toEqual({ kind: 'ssd' });
  expect(() => driverParameters({ 'csi.storage.k8s.io/typo': '' })).toThrow(/unknown parameter key/);
});

test('a class may name its filesystem once', () => {
  expect(fsTypeOf({ fsType: 'xfs' }, 'ext4')).toBe('xfs');
  expect(fsTypeOf({}, 'ext4')).toBe('ext4');
  expect(() => fsTypeOf({ fstype: 'xfs', 'csi.storage.k8s.io/fstype': 'xfs' }, '')).toThrow(/both/);
});

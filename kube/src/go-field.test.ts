import { expect, test } from 'vitest';
import { typeNames } from './gen/type-names.ts';
import { goFieldAt } from './go-field.ts';
import { schemaFor } from './schema.ts';

test.each([
  ['', 'Pod', 'metadata.uid', 'ObjectMeta.metadata.uid', 'types.UID'],
  ['', 'Pod', 'metadata.labels.a', 'ObjectMeta.metadata.labels', 'string'],
  ['', 'Pod', 'spec.containers.[0].imagePullPolicy', 'Container.spec.containers.imagePullPolicy', 'v1.PullPolicy'],
  ['', 'Pod', 'spec.containers', 'PodSpec.spec.containers', '[]v1.Container'],
  ['', 'Pod', 'spec.overhead', 'PodSpec.spec.overhead', 'v1.ResourceList'],
  ['', 'Namespace', 'spec.finalizers.[1]', 'NamespaceSpec.spec.finalizers', 'v1.FinalizerName'],
  ['', 'PersistentVolume', 'spec.nfs.path', 'NFSVolumeSource.spec.PersistentVolumeSource.nfs.path', 'string'],
  [
    '',
    'PersistentVolume',
    'spec.accessModes',
    'PersistentVolumeSpec.spec.accessModes',
    '[]v1.PersistentVolumeAccessMode',
  ],
  ['', 'Event', 'involvedObject.uid', 'ObjectReference.involvedObject.uid', 'types.UID'],
  [
    'certificates.k8s.io',
    'CertificateSigningRequest',
    'spec.extra',
    'CertificateSigningRequestSpec.spec.extra',
    'map[string]v1.ExtraValue',
  ],
  [
    'certificates.k8s.io',
    'CertificateSigningRequest',
    'spec.extra.a',
    'CertificateSigningRequestSpec.spec.extra',
    'v1.ExtraValue',
  ],
  [
    'certificates.k8s.io',
    'CertificateSigningRequest',
    'spec.extra.a.[0]',
    'CertificateSigningRequestSpec.spec.extra',
    'string',
  ],
  [
    'apps',
    'StatefulSet',
    'spec.volumeClaimTemplates.[0].kind',
    'PersistentVolumeClaim.spec.volumeClaimTemplates.TypeMeta.kind',
    'string',
  ],
])('in %s %s, %s is %s of %s', (group, kind, path, place, type) => {
  expect(goFieldAt(schemaFor(group, 'v1', kind)!, path.split('.'))).toEqual({ place, type });
});

test('structs of one name in two groups have their own types', () => {
  const scope = (version: string) =>
    goFieldAt(schemaFor('admissionregistration.k8s.io', version, 'ValidatingAdmissionPolicyBinding')!, [
      'spec',
      'matchResources',
      'matchPolicy',
    ]);
  expect(scope('v1')).toEqual({ place: 'MatchResources.spec.matchResources.matchPolicy', type: 'v1.MatchPolicyType' });
  expect(schemaFor('admissionregistration.k8s.io', 'v1beta1', 'ValidatingAdmissionPolicyBinding')).toBeUndefined();
});

test('the table has nothing that its reader does not understand', () => {
  for (const line of typeNames().trim().split('\n'))
    expect(line).toMatch(
      /^[\w.-]+( [\w$-]+:(\*?\[\]|map\[[\w.]+\])*\*?[\w.]+(=\S+)?| >\w+(\.\w+)*:[\w$-]+(,[\w$-]+)*)*$/,
    );
});

import { expect, test } from 'vitest';
import { ResourceRegistry } from '../resource-registry.ts';
import { definitions } from '../resources/definitions.ts';
import { apiResourceList } from './legacy.ts';

const registry = new ResourceRegistry(definitions);

function hashOf(group: string, version: string, plural: string): string | undefined {
  const { resources } = apiResourceList(registry, version, registry.resourcesOf(group, version) ?? []) as unknown as {
    readonly resources: readonly { readonly name: string; readonly storageVersionHash?: string }[];
  };
  return resources.find(({ name }) => name === plural)?.storageVersionHash;
}

// As kube-apiserver 1.36.3 answers.
test.each([
  ['', 'v1', 'events', 'r2yiGXH7wu8='],
  ['events.k8s.io', 'v1', 'events', 'r2yiGXH7wu8='],
  ['autoscaling', 'v2', 'horizontalpodautoscalers', 'qwQve8ut294='],
  ['autoscaling', 'v1', 'horizontalpodautoscalers', 'qwQve8ut294='],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'jfWCUB31mvA='],
  ['admissionregistration.k8s.io', 'v1', 'mutatingadmissionpolicies', 'LYmCf+UMVdg='],
  ['admissionregistration.k8s.io', 'v1', 'mutatingadmissionpolicybindings', '90V5FRZZ3Zg='],
])('clients are told by %s/%s in which form %s are stored', (group, version, plural, hash) => {
  expect(hashOf(group, version, plural)).toBe(hash);
});

test('nothing is stored of what is only asked', () => {
  expect(hashOf('authorization.k8s.io', 'v1', 'subjectaccessreviews')).toBeUndefined();
});

import { createHash } from 'node:crypto';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Discovered } from './discovered.ts';
import { shownVerbs } from './shown-verbs.ts';

/** `/api`: the versions of the core group. */
export function apiVersions(registry: ResourceRegistry, serverAddress: string): Discovered {
  return {
    kind: 'APIVersions',
    versions: registry.versionsOf(''),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`: the other groups. */
export function apiGroupList(registry: ResourceRegistry): Discovered {
  const groups = registry.groups.filter((group) => group !== '').map((group) => groupEntry(registry, group));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** `/apis/GROUP`. */
export function apiGroup(registry: ResourceRegistry, group: string): Discovered {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(registry, group) };
}

function groupEntry(registry: ResourceRegistry, group: string) {
  const versions = registry.versionsOf(group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** `/api/v1` and `/apis/GROUP/VERSION`. Of custom resources the status comes before the scale (apiextensions DiscoveryController). */
export function apiResourceList(
  registry: ResourceRegistry,
  groupVersion: string,
  definitions: readonly ResourceDefinition[],
): Discovered {
  const resources = definitions.toSorted(byName(({ plural }) => plural)).flatMap((definition) => {
    const subresources = subresourceEntries(definition);
    const inOrder = definition.custom ? subresources : subresources.toSorted(byName(({ name }) => name));
    return [resourceEntry(registry, definition), ...inOrder];
  });
  return {
    kind: 'APIResourceList',
    ...(groupVersion.includes('/') ? { apiVersion: 'v1' } : {}),
    groupVersion,
    resources,
  };
}

function byName<T>(name: (of: T) => string): (a: T, b: T) => number {
  return (a, b) => (name(a) < name(b) ? -1 : 1);
}

function resourceEntry(registry: ResourceRegistry, definition: ResourceDefinition) {
  const { plural, singular, namespaced, kind, shortNames, categories, stored } = definition;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: shownVerbs(definition),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(stored
      ? { storageVersionHash: storageVersionHash(definition.custom ? definition : registry.storedForm(definition)) }
      : {}),
  };
}

function subresourceEntries({ plural, namespaced, subresources, group, version }: ResourceDefinition) {
  return subresources.map((each) => ({
    name: `${plural}/${each.name}`,
    singularName: '',
    namespaced,
    ...(each.group === group && each.version === version ? {} : { group: each.group, version: each.version }),
    kind: each.kind,
    verbs: each.verbs,
  }));
}

/** What kube-apiserver 1.36 stores in an older form than its newest; clients that compare hashes find no other here. */
const olderForms: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io/customresourcedefinitions': 'v1beta1',
  'admissionregistration.k8s.io/mutatingadmissionpolicies': 'v1beta1',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': 'v1beta1',
};

/** Changes when the stored form does, which all that shows the same objects has in common (apiserver discovery.StorageVersionHash). */
function storageVersionHash({ group, version, kind, plural, custom }: ResourceDefinition): string {
  const stored = custom?.storageVersion ?? olderForms[`${group}/${plural}`] ?? version;
  return createHash('sha256').update(`${group}/${stored}/${kind}`).digest().subarray(0, 8).toString('base64');
}

import type { ResourceDefinition, SubresourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Discovered } from './discovered.ts';
import { shownVerbs } from './shown-verbs.ts';

/** Everything that is served, in one document (apidiscovery.k8s.io): for `/api` the core group, for `/apis` the others. */
export function aggregatedDiscovery(registry: ResourceRegistry, core: boolean, version: string): Discovered {
  const groups = registry.groups.filter((group) => (group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: registry.versionsOf(group).map((each) => ({
        version: each,
        resources: (registry.resourcesOf(group, each) ?? []).map(resourceEntry),
        freshness: 'Current',
      })),
    })),
  };
}

function resourceEntry(definition: ResourceDefinition): object {
  const { plural, singular, kind, group, version, namespaced, shortNames, categories, subresources, custom } =
    definition;
  return {
    resource: plural,
    responseKind: custom ? { group, version, kind } : { group: '', version: '', kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: shownVerbs(definition),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0
      ? { subresources: subresources.map((each) => subresourceEntry(each, definition)) }
      : {}),
  };
}

/** Of a built-in kind's own version nothing is said, as upstream. */
function subresourceEntry(
  { name, kind, group, version, verbs }: SubresourceDefinition,
  parent: ResourceDefinition,
): object {
  const isOwn = !parent.custom && group === parent.group && version === parent.version;
  return {
    subresource: name,
    responseKind: isOwn ? { group: '', version: '', kind } : { group, version, kind },
    verbs,
  };
}

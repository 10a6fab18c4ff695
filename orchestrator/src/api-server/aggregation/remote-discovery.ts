import { aggregatedDiscovery } from '../discovery/aggregated.ts';
import type { Discovered } from '../discovery/discovered.ts';
import { aggregatedAnswer, aggregatedVersions, legacyAnswer } from '../discovery/discovery-answer.ts';
import { apiGroup, apiGroupList } from '../discovery/legacy.ts';
import { aggregatedFormOf } from '../representation/negotiate.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { RemoteApi, RemoteResource } from './remote-api.ts';
import type { RemoteApis } from './remote-apis.ts';

/** `/apis` and `/apis/GROUP` with what other servers serve, while there are such; else the server's own handler answers. */
export function remoteDiscovery(registry: ResourceRegistry, apis: RemoteApis): PathHandler {
  return (segments, request) => {
    const [root, group, ...more] = segments;
    if (root !== 'apis' || more.length > 0 || request.method !== 'GET') return undefined;
    const remotes = apis.list();
    if (remotes.length === 0) return undefined;
    if (group !== undefined) {
      const own = remotes.filter(({ spec }) => spec.group === group);
      if (own.length === 0) return undefined;
      const known =
        registry.versionsOf(group).length > 0 ? (apiGroup(registry, group) as Discovered & GroupEntry) : undefined;
      const entry = groupEntry(known ?? { name: group, versions: [] }, own);
      return legacyAnswer({ kind: 'APIGroup', apiVersion: 'v1', ...entry }, request);
    }
    const groups = byGroup(remotes);
    const form = aggregatedFormOf(request.accept, aggregatedVersions);
    if (!form) {
      const local = apiGroupList(registry) as Discovered & { groups: GroupEntry[] };
      const entries = merged(local.groups, groups, {
        nameOf: ({ name }) => name,
        bare: (name) => ({ name, versions: [] }),
        add: groupEntry,
      });
      return legacyAnswer({ ...local, groups: entries }, request);
    }
    const local = aggregatedDiscovery(registry, false, form.version) as Discovered & { items: GroupItem[] };
    const items = merged(local.items, groups, {
      nameOf: ({ metadata }) => metadata.name,
      bare: (name) => ({ metadata: { name }, versions: [] }),
      add: (item, own) => ({ ...item, versions: [...item.versions, ...own.map(versionEntry)] }),
    });
    return aggregatedAnswer({ ...local, items }, form, request.signal);
  };
}

interface GroupEntry {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
}

interface GroupItem {
  readonly metadata: { readonly name: string };
  readonly versions: readonly object[];
}

/** Groups with the versions that other servers serve of them behind their own, then those that are others' alone. */
function merged<T>(
  local: readonly T[],
  remotes: ReadonlyMap<string, readonly RemoteApi[]>,
  {
    nameOf,
    bare,
    add,
  }: {
    readonly nameOf: (entry: T) => string;
    readonly bare: (name: string) => T;
    readonly add: (entry: T, own: readonly RemoteApi[]) => T;
  },
): T[] {
  const others = new Map(remotes);
  const known = local.map((entry) => {
    const own = others.get(nameOf(entry));
    others.delete(nameOf(entry));
    return own ? add(entry, own) : entry;
  });
  return [...known, ...[...others].map(([name, own]) => add(bare(name), own))];
}

function byGroup(remotes: readonly RemoteApi[]): Map<string, RemoteApi[]> {
  const groups = new Map<string, RemoteApi[]>();
  for (const api of remotes) groups.set(api.spec.group, [...(groups.get(api.spec.group) ?? []), api]);
  return groups;
}

function groupEntry({ name, versions: own }: GroupEntry, apis: readonly RemoteApi[]) {
  const others = apis.map(({ spec: { version } }) => ({ groupVersion: `${name}/${version}`, version }));
  const versions = [...own, ...others];
  return { name, versions, preferredVersion: versions[0] };
}

function versionEntry({ spec, available, resources }: RemoteApi): object {
  const main = resources.filter(({ name }) => !name.includes('/'));
  return {
    version: spec.version,
    resources: main.map((resource) => resourceEntry(spec, resource, resources)),
    freshness: available ? 'Current' : 'Stale',
  };
}

function resourceEntry(
  spec: RemoteApi['spec'],
  { name, kind, namespaced = false, singularName = '', verbs = [], shortNames, categories, ...own }: RemoteResource,
  all: readonly RemoteResource[],
): object {
  const kindOf = (resource: Pick<RemoteResource, 'kind' | 'group' | 'version'>) => ({
    group: resource.group ?? spec.group,
    version: resource.version ?? spec.version,
    kind: resource.kind,
  });
  const subresources = all.filter((each) => each.name.startsWith(`${name}/`));
  return {
    resource: name,
    responseKind: kindOf({ kind, ...own }),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singularName,
    verbs,
    ...(shortNames?.length ? { shortNames } : {}),
    ...(categories?.length ? { categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((each) => ({
            subresource: each.name.slice(name.length + 1),
            responseKind: kindOf(each),
            verbs: each.verbs ?? [],
          })),
        }
      : {}),
  };
}

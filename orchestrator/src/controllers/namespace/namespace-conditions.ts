import { rfc3339 } from '@berth/kit';
import type { NamespaceCondition } from '@berth/kube';

/** What of a namespace is still there: `pods` → how many, a finalizer → on how many objects. */
export interface Remains {
  readonly resources: ReadonlyMap<string, number>;
  readonly finalizers: ReadonlyMap<string, number>;
  /** `group/version` of servers that do not say what they have of it. */
  readonly stale: readonly string[];
  /** Why something could not be deleted. */
  readonly failure?: string;
}

interface Verdict {
  readonly type: string;
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
  readonly fine: { readonly reason: string; readonly message: string };
}

/** The conditions of a terminating namespace (namespace/deletion/status_condition_utils.go). */
export function terminatingConditions(
  remains: Remains,
  before: readonly NamespaceCondition[],
  nowMs: number,
): NamespaceCondition[] {
  return verdicts(remains).map(({ type, problem, fine }) => {
    const status = problem ? 'True' : 'False';
    const old = before.find((condition) => condition.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, lastTransitionTime: since ?? rfc3339(nowMs), ...(problem ?? fine) };
  });
}

function verdicts({ resources, finalizers, stale, failure }: Remains): Verdict[] {
  const some = 'Some content in the namespace has finalizers remaining';
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      problem: stale.length === 0 ? undefined : { reason: 'DiscoveryFailed', message: staleWords(stale) },
      fine: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      problem: undefined,
      fine: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    },
    {
      type: 'NamespaceDeletionContentFailure',
      problem: failure === undefined ? undefined : { reason: 'ContentDeletionFailed', message: failure },
      fine: {
        reason: 'ContentDeleted',
        message: 'All content successfully deleted, may be waiting on finalization',
      },
    },
    {
      type: 'NamespaceContentRemaining',
      problem: listed(resources, 'SomeResourcesRemain', (name, count) => `${name} has ${count} resource instances`, {
        prefix: 'Some resources are remaining',
      }),
      fine: { reason: 'ContentRemoved', message: 'All content successfully removed' },
    },
    {
      type: 'NamespaceFinalizersRemaining',
      problem: listed(finalizers, 'SomeFinalizersRemain', (name, count) => `${name} in ${count} resource instances`, {
        prefix: some,
      }),
      fine: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
    },
  ];
}

/** client-go's discovery.ErrGroupDiscoveryFailed. */
function staleWords(stale: readonly string[]): string {
  const each = stale.map((version) => `${version}: stale GroupVersion discovery: ${version}`).sort();
  return `Discovery failed for some groups, ${stale.length} failing: unable to retrieve the complete list of server APIs: ${each.join(', ')}`;
}

function listed(
  counts: ReadonlyMap<string, number>,
  reason: string,
  text: (name: string, count: number) => string,
  { prefix }: { readonly prefix: string },
) {
  if (counts.size === 0) return undefined;
  const parts = [...counts].map(([name, count]) => text(name, count)).sort();
  return { reason, message: `${prefix}: ${parts.join(', ')}` };
}

/** True where two lists say the same. */
export function sameConditions(a: readonly NamespaceCondition[], b: readonly NamespaceCondition[]): boolean {
  const words = (list: readonly NamespaceCondition[]) =>
    JSON.stringify(list.map(({ type, status, reason, message }) => [type, status, reason, message]));
  return words(a) === words(b);
}

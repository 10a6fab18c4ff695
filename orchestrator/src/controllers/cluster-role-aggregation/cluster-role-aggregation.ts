import { type ClusterRole, copyJson, type PolicyRule, resources, Selector } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';

/** Keeps the rules of aggregated ClusterRoles what their selectors find (pkg/controller/clusterroleaggregation). */
export function startClusterRoleAggregation(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { client, informers } = deps;
  const roles = informers.of(resources.clusterroles);
  const reconcile = async (name: string) => {
    const role = roles.get(name);
    if (!role?.aggregationRule || role.metadata.deletionTimestamp) return undefined;
    const rules = aggregated(role, roles.list());
    if (JSON.stringify(rules) === JSON.stringify(role.rules ?? [])) return undefined;
    await client.update(resources.clusterroles, { ...copyJson(role), rules }, {}, signal);
    return undefined;
  };
  const controller = new RunningController(
    deps,
    { name: 'clusterrole-aggregation', queueName: 'ClusterRoleAggregator', reconcile },
    signal,
  );
  // A change of any role can concern each aggregated one: there are few of them.
  const handler = roles.onChange(() => {
    for (const role of roles.list()) if (role.aggregationRule) controller.queue.add(role.metadata.name as string);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      handler[Symbol.dispose]();
      await controller[Symbol.asyncDispose]();
    },
  };
}

/** The rules of the roles that the selectors match, by name, each rule once. */
export function aggregated(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const sorted = all.toSorted((a, b) => ((a.metadata.name as string) < (b.metadata.name as string) ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matching = Selector.fromObject(selector);
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name || !matching.matches(other.metadata.labels ?? {})) continue;
      for (const rule of other.rules ?? []) if (!rules.has(JSON.stringify(rule))) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

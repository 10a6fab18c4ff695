import { versionInfo } from '../api-server/discovery/version.ts';
import type { MetricRegistry } from './metric-registry.ts';

/** What Kubernetes' components tell of their build (component-base metrics/prometheus/version). */
export function addBuild(registry: MetricRegistry): void {
  const { buildDate, compiler, gitCommit, gitTreeState, gitVersion, goVersion, major, minor, platform } = versionInfo;
  const names = 'build_date compiler git_commit git_tree_state git_version go_version major minor platform'.split(' ');
  const values = [buildDate, compiler, gitCommit, gitTreeState, gitVersion, goVersion, major, minor, platform];
  registry.gauge('kubernetes_build_info', 'What this server was built from.', names, () => [[values, 1]]);
}

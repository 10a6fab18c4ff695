import { baselineChecks } from './baseline-checks.ts';
import type { Check, CheckedPod, CheckPod, Violation } from './check.ts';
import type { LevelVersion } from './policy.ts';
import { restrictedChecks } from './restricted-checks.ts';

/** What of a pod its level forbids (pod-security-admission policy registry). */
export function violationsOf({ level, minor }: LevelVersion, pod: CheckedPod): Violation[] {
  if (level === 'privileged') return [];
  const own = level === 'restricted' ? restrictedChecks.filter((check) => checkAt(check, minor)) : [];
  const overridden = new Set(own.map(({ overrides }) => overrides));
  return [...baselineChecks.filter(({ id }) => !overridden.has(id)), ...own].flatMap((check) => {
    const violation = checkAt(check, minor)?.(pod);
    return violation ? [violation] : [];
  });
}

/** `privileged (container "c" must not set securityContext.privileged=true), hostPort (…)` */
export function detailsText(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ');
}

/** Short, for lists of pods. */
export function reasonsText(violations: readonly Violation[]): string {
  return violations.map(({ reason }) => reason).join(', ');
}

function checkAt({ versions }: Check, minor: number): CheckPod | undefined {
  return versions.findLast(({ since }) => since <= minor)?.check;
}

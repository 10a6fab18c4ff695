/** Where a kind stands: `apps` and `v1`; the group of the core kinds is ''. */
export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf({ group, version }: GroupVersion): string {
  return group === '' ? version : `${group}/${version}`;
}

/** What an object's `apiVersion` says; nothing where it is none (apimachinery schema.FromAPIVersionAndKind). */
export function groupVersionOf(apiVersion: string): GroupVersion {
  if (groupVersionProblem(apiVersion) !== undefined) return { group: '', version: '' };
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1) };
}

/** Why a text is no `apiVersion`, in upstream's words; undefined where it is one (apimachinery schema.ParseGroupVersion). */
export function groupVersionProblem(apiVersion: string): string | undefined {
  const slash = apiVersion.indexOf('/');
  if (slash < 0 || apiVersion.indexOf('/', slash + 1) < 0) return undefined;
  return `unexpected GroupVersion string: ${apiVersion}`;
}

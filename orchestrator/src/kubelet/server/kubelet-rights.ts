const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Paths whose right is one of its own, which `nodes/proxy` does not give. */
const apart = {
  '/stats': 'stats',
  '/metrics': 'metrics',
  '/logs': 'log',
  '/checkpoint': 'checkpoint',
  '/statusz': 'statusz',
  '/flagz': 'configz',
} as const;
/** Paths whose right is enough, or `nodes/proxy` (feature KubeletFineGrainedAuthz). */
const fine = { '/pods': 'pods', '/healthz': 'healthz', '/configz': 'configz', '/runningpods': 'pods' } as const;

/** What one must be allowed to do with `nodes/…` for a request to a kubelet; one of them is enough (pkg/kubelet/server/auth.go). */
export function kubeletRights(method: string, url: string): { verb: string; subresources: readonly string[] } {
  const path = decoded(url.split('?', 1)[0] as string);
  const of = (table: Readonly<Record<string, string>>) =>
    Object.entries(table).find(([root]) => path === root || path.startsWith(`${root}/`))?.[1];
  const [own, finer] = [of(apart), of(fine)];
  const subresources = own !== undefined ? [own] : finer !== undefined ? [finer, 'proxy'] : ['proxy'];
  return { verb: verbs[method] ?? '', subresources };
}

/** As the page is looked for. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

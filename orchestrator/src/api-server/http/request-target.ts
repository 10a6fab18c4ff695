/** `scheme://authority`, the authority as RFC 3986 has it. */
const origin = /^[a-z][a-z\d+.-]*:\/\/(?:[^\s/?#[\]@]*@)?(?:\[[\d.:a-f]*\]|[^\s/?#[\]@:]*)(?::\d*)?(?=[/?]|$)/i;

/**
 * A request's target as path and query, also where a client sends a whole URL (RFC 9112 §3.2.2); undefined: it is none,
 * or has an escape that is none (Go's net/url ParseRequestURI).
 */
export function originForm(target: string): string | undefined {
  if (target.startsWith('/') && !target.includes('%')) return target;
  const form = target.startsWith('/') || target === '*' ? target : withoutOrigin(target);
  return form === undefined || /^[^?]*%(?![\da-f]{2})/i.test(form) ? undefined : form;
}

function withoutOrigin(url: string): string | undefined {
  const [said] = origin.exec(url) ?? [];
  if (said === undefined) return undefined;
  const rest = url.slice(said.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

import { requestUriComplaint } from '../../cel/library/go-url.ts';

/**
 * A request's target as path and query, also where a client sends a whole URL (RFC 9112 §3.2.2), whose path may be empty; undefined:
 * it is none, or has an escape that is none (Go's net/url ParseRequestURI).
 */
export function originForm(target: string): string | undefined {
  if (target.startsWith('/') && !target.includes('%')) return target;
  if (target.startsWith('/') || target === '*') return /^[^?]*%(?![\da-f]{2})/i.test(target) ? undefined : target;
  return requestUriComplaint(target) === undefined ? withoutOrigin(target) : undefined;
}

/** The same of a CONNECT, whose target is an authority unless it is a path (Go's http.readRequest). */
export function connectForm(target: string): string | undefined {
  return originForm(target.startsWith('/') ? target : `http://${target}`);
}

function withoutOrigin(url: string): string {
  const rest = url.slice(url.indexOf(':') + 1);
  const at = rest.indexOf('?');
  const [path, query] = at < 0 ? [rest, ''] : [rest.slice(0, at), rest.slice(at)];
  // What is behind such a scheme is no path.
  if (!path.startsWith('/')) return query;
  return path.replace(/^\/\/[^/]*/, '') + query;
}

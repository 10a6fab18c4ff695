import { isIPv6 } from 'node:net';

/** A URL cut into the parts that Go's net/url finds. */
export interface GoUrl {
  readonly scheme: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  /** Escaped. */
  readonly path: string;
  /** Without its `?`. */
  readonly query: string;
  /** The whole, put together again. */
  readonly text: string;
}

/** As `url.ParseRequestURI`, then `url.Parse`: absolute ones, or a path from the root; else Go's complaint. */
export function parseGoUrl(text: string): GoUrl | string {
  const problem = complaint(text);
  if (typeof problem === 'string') return `parse ${JSON.stringify(text)}: ${problem}`;
  return problem;
}

function complaint(text: string): GoUrl | string {
  if (/[\x00-\x1f\x7f]/.test(text)) return 'net/url: invalid control character in URL';
  if (text === '') return 'empty url';
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  if (!scheme && /^:/.test(text)) return 'missing protocol scheme';
  if (!scheme && !text.startsWith('/')) return 'invalid URI for request';
  const [before = '', fragment] = splitOnce(text, '#');
  const rest = scheme ? before.slice(scheme[0].length) : before;
  const [hierarchy = '', query = ''] = splitOnce(rest, '?');
  const name = scheme?.[1]?.toLowerCase() ?? '';
  if (!hierarchy.startsWith('/')) {
    if (!scheme) return 'invalid URI for request';
    return { scheme: name, host: '', hostname: '', port: '', path: '', query, text };
  }
  const authority =
    scheme && hierarchy.startsWith('//') && !hierarchy.startsWith('///') ? /^\/\/([^/]*)/.exec(hierarchy) : null;
  const rawHost = authority?.[1] ?? '';
  const path = authority ? hierarchy.slice(authority[0].length) : hierarchy;
  const host = parseHost(rawHost);
  if ('problem' in host) return host.problem;
  const bad = badEscape(path);
  if (bad !== undefined) return `invalid URL escape ${JSON.stringify(bad)}`;
  const escaped = escapePath(path);
  const whole = `${scheme ? `${name}:` : ''}${authority ? `//${rawHost}` : ''}${escaped}${query === '' ? '' : `?${query}`}${fragment === undefined ? '' : `#${fragment}`}`;
  return { scheme: name, ...host, path: escaped, query, text: whole };
}

function splitOnce(text: string, mark: string): readonly string[] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

type Host = { readonly host: string; readonly hostname: string; readonly port: string };

function parseHost(raw: string): Host | { readonly problem: string } {
  const host = raw.slice(raw.lastIndexOf('@') + 1);
  const bracketed = /^\[([^\]]*)\](.*)$/.exec(host);
  if (host.startsWith('[') && !bracketed) return { problem: "missing ']' in host" };
  if (bracketed) {
    const [, hostname = '', after = ''] = bracketed;
    if (!/^(:\d*)?$/.test(after)) return { problem: `invalid port ${JSON.stringify(after)} after host` };
    if (!isIPv6(hostname.split('%')[0] as string)) return { problem: 'invalid host' };
    return { host, hostname, port: after.slice(1) };
  }
  const colon = host.lastIndexOf(':');
  const port = colon < 0 ? '' : host.slice(colon);
  if (!/^(:\d*)?$/.test(port)) return { problem: `invalid port ${JSON.stringify(port)} after host` };
  const hostname = colon < 0 ? host : host.slice(0, colon);
  const wrong = /[ "<>\\^`{|}]/.exec(hostname)?.[0];
  if (wrong !== undefined) return { problem: `invalid character ${JSON.stringify(wrong)} in host name` };
  return { host, hostname, port: port.slice(1) };
}

function badEscape(path: string): string | undefined {
  return /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(path)?.[0];
}

/** What Go would write escaped is escaped; what came escaped stays. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]/gu, (character) => encodeURIComponent(character));
}

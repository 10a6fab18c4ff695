import { goQuote } from '@berth/kube';
import { parseGoAddress } from './ip-address.ts';

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

class UrlError extends Error {}

/** As `url.ParseRequestURI`, then `url.Parse`, which knows fragments: absolute ones, or a path from the root; else Go's complaint. */
export function parseGoUrl(text: string): GoUrl | string {
  return requestUriComplaint(text) ?? parseUrl(text);
}

/** As `url.ParseRequestURI`: what is wrong, undefined where nothing is. */
export function requestUriComplaint(text: string): string | undefined {
  const url = told(text, () => parse(text, true));
  return typeof url === 'string' ? url : undefined;
}

/** As `url.Parse`, which takes relative ones too: what is wrong, undefined where nothing is. */
export function urlComplaint(text: string): string | undefined {
  const url = parseUrl(text);
  return typeof url === 'string' ? url : undefined;
}

function parseUrl(text: string): GoUrl | string {
  const [before, fragment] = cut(text, '#');
  const url = told(before, () => parse(before, false));
  if (typeof url === 'string' || fragment === '') return url;
  return told(text, () => {
    unescaped(fragment, 'fragment');
    return { ...url, text: `${url.text}#${escaped(fragment, keptInFragments)}` };
  });
}

function told(text: string, run: () => GoUrl): GoUrl | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof UrlError) return `parse ${goQuote(text)}: ${error.message}`;
    throw error;
  }
}

function parse(text: string, viaRequest: boolean): GoUrl {
  if (/[\x00-\x1f\x7f]/.test(text)) throw new UrlError('net/url: invalid control character in URL');
  if (text === '' && viaRequest) throw new UrlError('empty url');
  const none = { scheme: '', host: '', hostname: '', port: '', path: '', query: '', text };
  if (text === '*') return { ...none, path: '*' };
  if (text.startsWith(':')) throw new UrlError('missing protocol scheme');
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? '';
  const [hierarchy, query] = cut(scheme === '' ? text : text.slice(scheme.length + 1), '?');
  if (!hierarchy.startsWith('/')) {
    // What has no root is opaque.
    if (scheme !== '') return { ...none, scheme, query };
    if (viaRequest) throw new UrlError('invalid URI for request');
    if (cut(hierarchy, '/')[0].includes(':')) throw new UrlError('first path segment in URL cannot contain colon');
  }
  const hasAuthority = hierarchy.startsWith('//') && (scheme !== '' || (!viaRequest && !hierarchy.startsWith('///')));
  const authority = hasAuthority ? (/^\/\/([^/]*)/.exec(hierarchy)?.[1] ?? '') : '';
  const host = parseHost(scheme, userless(authority));
  const rest = hasAuthority ? hierarchy.slice(authority.length + 2) : hierarchy;
  unescaped(rest, 'path');
  const path = escaped(rest, keptInPaths);
  const head = `${scheme === '' ? '' : `${scheme}:`}${hasAuthority ? `//${authority}` : ''}`;
  const whole = `${head}${path}${text.slice(text.indexOf(hierarchy) + hierarchy.length)}`;
  return { scheme, ...host, path, query, text: whole };
}

function cut(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function userless(authority: string): string {
  const at = authority.lastIndexOf('@');
  if (at < 0) return authority;
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new UrlError('net/url: invalid userinfo');
  unescaped(user, 'user');
  return authority.slice(at + 1);
}

type Host = Pick<GoUrl, 'host' | 'hostname' | 'port'>;

function parseHost(scheme: string, text: string): Host {
  const bracket = text.lastIndexOf('[');
  if (bracket > 0) throw new UrlError('invalid IP-literal');
  if (bracket === 0) return parseBracketed(text);
  const strict = scheme === 'http' || scheme === 'https';
  const colon = strict ? text.indexOf(':') : text.lastIndexOf(':');
  const port = colon < 0 ? '' : text.slice(colon);
  checkPort(port);
  const host = unescaped(text, 'host');
  return { host, hostname: host.slice(0, host.length - port.length), port: port.slice(1) };
}

function parseBracketed(text: string): Host {
  const end = text.lastIndexOf(']');
  if (end < 0) throw new UrlError("missing ']' in host");
  const port = text.slice(end + 1);
  checkPort(port);
  const inside = text.slice(1, end);
  const zone = inside.indexOf('%25');
  const hostname =
    zone < 0
      ? unescaped(inside, 'host')
      : unescaped(inside.slice(0, zone), 'host') + unescaped(inside.slice(zone), 'zone');
  const address = parseGoAddress(hostname);
  if (typeof address === 'string') throw new UrlError(`invalid host: ${address}`);
  if (address.bits === 32) throw new UrlError('invalid IP-literal');
  return { host: `[${hostname}]${port}`, hostname, port: port.slice(1) };
}

function checkPort(port: string): void {
  if (!/^(:\d*)?$/.test(port)) throw new UrlError(`invalid port ${goQuote(port)} after host`);
}

const inHosts = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"]$/;

/** Hosts are held to fewer signs, and may only escape what is no ASCII. */
function unescaped(text: string, place: 'host' | 'zone' | 'path' | 'user' | 'fragment'): string {
  const isHost = place === 'host' || place === 'zone';
  // Piece by piece only what may be wrong: a path may have half a million signs.
  for (const [piece] of text.matchAll(isHost ? escapesAndSigns : escapes)) {
    if (piece.startsWith('%')) checkEscape(piece, place);
    else if (isHost && !inHosts.test(piece)) throw new UrlError(`invalid character ${goQuote(piece)} in host name`);
  }
  return text.includes('%') ? bytesOf(text).toString() : text;
}

const escapes = /%[\s\S]{0,2}/gu;
const escapesAndSigns = /%[\s\S]{0,2}|[\x00-\x7f]/gu;

/** All escapes are whole. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const isEscape = bytes[at] === 0x25;
    bytes[length++] = isEscape ? Number.parseInt(bytes.toString('latin1', at + 1, at + 3), 16) : (bytes[at] as number);
    if (isEscape) at += 2;
  }
  return bytes.subarray(0, length);
}

function checkEscape(piece: string, place: string): void {
  const bad = () => new UrlError(`invalid URL escape ${goQuote(piece)}`);
  if (!/^%[0-9a-fA-F]{2}$/.test(piece)) throw bad();
  if (piece === '%25') return;
  const code = Number.parseInt(piece.slice(1), 16);
  if (place === 'host' && code < 0x80) throw bad();
  if (place === 'zone' && code !== 0x20 && !inHosts.test(String.fromCharCode(code))) throw bad();
}

const keptInPaths = /[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]/gu;
const keptInFragments = /[^A-Za-z0-9\-_.~$&+,/:;=@!'()*?[\]%]/gu;

/** What Go would write escaped is escaped; what came escaped stays. */
function escaped(text: string, notKept: RegExp): string {
  return text.replace(notKept, (character) => encodeURIComponent(character));
}

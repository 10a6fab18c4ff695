import { objectType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import { ArrayList } from '../values/cel-list.ts';
import { EntryMap } from '../values/cel-map.ts';
import type { Opaque } from '../values/opaque.ts';
import type { Result, Value } from '../values/value.ts';
import { type GoUrl, parseGoUrl, requestUriComplaint } from './go-url.ts';

const urlType = objectType('kubernetes.URL');

class UrlValue implements Opaque {
  readonly opaque = urlType;
  readonly text: string;
  readonly url: GoUrl;

  constructor(text: string, url: GoUrl) {
    this.text = text;
    this.url = url;
  }

  equals(other: Opaque): boolean {
    return other instanceof UrlValue && other.url.text === this.url.text;
  }

  toString(): string {
    return this.url.text;
  }
}

function parse(text: Value): Result {
  const url = parseGoUrl(text as string);
  if (typeof url === 'string') return new CelError(`URL parse error during conversion from string: ${url}`);
  return new UrlValue(text as string, url);
}

const of = (value: Value | undefined): GoUrl => (value as UrlValue).url;

function query(value: Value): Result {
  const lists = new Map<string, Value[]>();
  for (const part of of(value).query.split('&')) {
    if (part === '' || part.includes(';')) continue;
    const [key = '', ...rest] = part.split('=');
    const [name, item] = [unescaped(key), unescaped(rest.join('='))];
    if (name === undefined || item === undefined) continue;
    const list = lists.get(name);
    if (list) list.push(item);
    else lists.set(name, [item]);
  }
  return new EntryMap(Array.from(lists, ([key, items]) => [key, new ArrayList(items)] as const));
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

const self = 'kubernetes.URL';

/** Kubernetes' URLs: parsed as Go's net/url does. */
export const urls: readonly FunctionDeclaration[] = [
  declare('url', { string_to_url: [`(string): ${self}`, parse] }),
  declare('isURL', { is_url_string: ['(string): bool', (text) => requestUriComplaint(text as string) === undefined] }),
  declare('getScheme', { url_get_scheme: [`${self}.(): string`, (value) => of(value).scheme] }),
  declare('getHost', { url_get_host: [`${self}.(): string`, (value) => of(value).host] }),
  declare('getHostname', { url_get_hostname: [`${self}.(): string`, (value) => of(value).hostname] }),
  declare('getPort', { url_get_port: [`${self}.(): string`, (value) => of(value).port] }),
  declare('getEscapedPath', { url_get_escaped_path: [`${self}.(): string`, (value) => of(value).path] }),
  declare('getQuery', { url_get_query: [`${self}.(): map(string, list(string))`, query] }),
];

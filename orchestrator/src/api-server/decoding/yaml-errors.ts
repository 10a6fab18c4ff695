import { maxDepth } from '@berth/kube';
import type { YAMLParseError } from 'yaml';
import { YamlPlaces } from './yaml-places.ts';

/** Where Go's reader sees what is wrong. Its scanner counts lines from one, its parser from zero; the first line is not told of. */
interface Found {
  readonly by: 'scanner' | 'parser';
  readonly words: string;
  readonly offset: number;
}

/** @throws Error – there is a character that no YAML may have */
export function checkCharacters(text: string): void {
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/.test(text))
    throw new Error('yaml: control characters are not allowed');
}

/** @throws Error – a tab comes before all else but blanks and comments; the library takes it for a blank */
export function checkBeginning(text: string): void {
  const [before = ''] = /^\ufeff?(?: |\r?\n|#[^\n]*\n)*\t/.exec(text) ?? [];
  if (before === '') return;
  const line = before.split('\n').length;
  throw new Error(`yaml: ${line === 1 ? '' : `line ${line}: `}${noStart}`);
}

/** @throws Error – the first document ends before it began */
export function checkContent(text: string): void {
  const [before = ''] = /^\ufeff?(?: *(?:#[^\n]*)?\r?\n)*\.\.\.(?=\s|$)/.exec(text) ?? [];
  if (before === '') return;
  const line = before.split('\n').length - 1;
  throw new Error(`yaml: ${line === 0 ? '' : `line ${line}: `}${noContent}`);
}

/** @throws Error – between double quotes something is escaped that Go's reader does not know; the library takes all of JSON's */
export function checkEscapes(quoted: string, before: () => string): void {
  for (const { 0: escaped, 1: digits, index } of quoted.matchAll(/\\(?:[xuU]([\dA-Fa-f]*)|.)/gs)) {
    const sign = escaped[1] as string;
    const size = { x: 2, u: 4, U: 8 }[sign] ?? 0;
    const code = Number.parseInt((digits ?? '').slice(0, size), 16);
    const isUnknown = escaped === '\\/';
    if (!isUnknown && !(size > 0 && ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff))) continue;
    const line = `${before()}${quoted.slice(0, index)}`.split('\n').length;
    const words = isUnknown ? 'found unknown escape character' : 'found invalid Unicode character escape code';
    throw new Error(`yaml: ${line === 1 ? '' : `line ${line}: `}${words}`);
  }
}

/** @throws Error – there is a directive that Go's reader does not know */
export function checkDirective(text: string): void {
  if (!/^\ufeff?%/.test(text)) return;
  if (/^\ufeff?%(?!YAML|TAG)/.test(text)) throw new Error('yaml: found unknown directive name');
  if (/^\ufeff?%YAML\s+(?!1\.1\s)/.test(text)) throw new Error('yaml: found incompatible YAML document');
}

/** What the library found, in the words of go.yaml.in/yaml/v2. */
export function syntaxError(error: YAMLParseError, text: string): Error {
  const { by, words, offset } = foundBy(error, new YamlPlaces(text));
  // What is not there is missed on the line after the last.
  const isPast = (by === 'parser' || words === noColon) && text.slice(offset).trim() === '' && !text.endsWith('\n');
  const line = text.slice(0, offset).split('\n').length - (isPast ? 0 : 1);
  return new Error(`yaml: ${line === 0 ? '' : `line ${by === 'scanner' ? line + 1 : line}: `}${words}`);
}

const notHere = (what: string) => `mapping ${what} are not allowed in this context`;
const noKey = 'did not find expected key';
const noEntry = "did not find expected '-' indicator";
const noContent = 'did not find expected node content';
const noStart = 'found character that cannot start any token';
const noColon = "could not find expected ':'";

function foundBy(error: YAMLParseError, places: YamlPlaces): Found {
  const [offset] = error.pos;
  const rule = rules.find(({ code, message }) => code === error.code && (message?.test(error.message) ?? true));
  if (!rule) return { by: 'scanner', words: error.message.charAt(0).toLowerCase() + error.message.slice(1), offset };
  const found = rule.found(error, places);
  return { by: rule.by, offset, ...found };
}

interface Rule {
  readonly code: YAMLParseError['code'];
  readonly message?: RegExp;
  readonly by: Found['by'];
  readonly found: (error: YAMLParseError, places: YamlPlaces) => Partial<Found> & Pick<Found, 'words'>;
}

const always = (words: string) => () => ({ words });

const rules: readonly Rule[] = [
  { code: 'BLOCK_AS_IMPLICIT_KEY', message: /sequence/, by: 'parser', found: always(noKey) },
  {
    code: 'BLOCK_AS_IMPLICIT_KEY',
    by: 'scanner',
    found: ({ pos: [start] }, places) =>
      places.startsWith(start, '?')
        ? { words: notHere('keys') }
        : { words: notHere('values'), offset: places.colon(start) },
  },
  {
    code: 'UNEXPECTED_TOKEN',
    message: /block-seq-ind/,
    by: 'scanner',
    found: always('block sequence entries are not allowed in this context'),
  },
  { code: 'UNEXPECTED_TOKEN', message: /Unexpected , in/, by: 'parser', found: always(noContent) },
  {
    code: 'UNEXPECTED_TOKEN',
    message: /header includes extra/,
    by: 'scanner',
    found: ({ pos: [start] }, places) => ({
      words: places.startsWith(start, '0')
        ? 'found an indentation indicator equal to 0'
        : 'did not find expected comment or line break',
    }),
  },
  {
    code: 'UNEXPECTED_TOKEN',
    message: /flow-(?:seq|map)-end/,
    by: 'parser',
    found: ({ pos: [start] }, places) => ({ words: /(?:^|[:-])$/.test(places.before(start)) ? noContent : noKey }),
  },
  {
    code: 'UNEXPECTED_TOKEN',
    message: /at node end/,
    by: 'parser',
    found: ({ pos: [start] }, places) => ({ words: places.isInList(start) ? noEntry : noKey }),
  },
  { code: 'UNEXPECTED_TOKEN', message: /map-value-ind/, by: 'scanner', found: always(notHere('values')) },
  { code: 'TAB_AS_INDENT', by: 'scanner', found: tabbed },
  {
    code: 'BAD_INDENT',
    message: /Block scalar/,
    by: 'scanner',
    found: always('found a tab character where an indentation space is expected'),
  },
  { code: 'BAD_INDENT', message: /Flow/, by: 'parser', found: unclosed },
  { code: 'BAD_INDENT', message: /sequence items/, by: 'parser', found: always(noEntry) },
  { code: 'BAD_INDENT', by: 'parser', found: always(noKey) },
  { code: 'MISSING_CHAR', message: /must end with a/, by: 'parser', found: unclosed },
  { code: 'MISSING_CHAR', message: /between flow/, by: 'parser', found: unclosed },
  { code: 'MISSING_CHAR', message: /quote/, by: 'scanner', found: (error, places) => places.endOfQuoted(error.pos[0]) },
  { code: 'MISSING_CHAR', message: /Implicit map keys/, by: 'scanner', found: keyOfLines },
  { code: 'MISSING_CHAR', message: /more-indented/, by: 'parser', found: always(noKey) },
  {
    code: 'MISSING_CHAR',
    message: /directives-end/,
    by: 'parser',
    found: always('did not find expected <document start>'),
  },
  {
    code: 'MISSING_CHAR',
    message: /Sequence item/,
    by: 'parser',
    found: ({ pos: [start] }, places) => ({ words: places.isListOfKey(start) ? noKey : noEntry }),
  },
  {
    code: 'MULTILINE_IMPLICIT_KEY',
    message: /flow sequence/,
    by: 'parser',
    found: ({ pos: [, end] }, places) => ({ words: "did not find expected ',' or ']'", offset: places.next(end) }),
  },
  { code: 'MULTILINE_IMPLICIT_KEY', by: 'scanner', found: keyOfLines },
  { code: 'BLOCK_IN_FLOW', by: 'parser', found: unclosed },
  {
    code: 'BAD_SCALAR_START',
    by: 'scanner',
    found: ({ message }) => (message.endsWith(',') ? { words: noContent, by: 'parser' } : { words: noStart }),
  },
  { code: 'ALIAS_PROPS', by: 'parser', found: always(noKey) },
  { code: 'MULTIPLE_ANCHORS', by: 'parser', found: always(noKey) },
  { code: 'MULTIPLE_TAGS', by: 'parser', found: always(noKey) },
  { code: 'BAD_ALIAS', by: 'scanner', found: always('did not find expected alphabetic or numeric character') },
  { code: 'TAG_RESOLVE_FAILED', message: /must end/, by: 'scanner', found: always('did not find expected tag URI') },
  {
    code: 'TAG_RESOLVE_FAILED',
    message: /Could not resolve/,
    by: 'parser',
    found: always('found undefined tag handle'),
  },
  {
    code: 'BAD_DQ_ESCAPE',
    by: 'scanner',
    found: ({ message }) => ({
      words: /\\[xuU]/.test(message) ? 'did not find expected hexdecimal number' : 'found unknown escape character',
    }),
  },
  { code: 'KEY_OVER_1024_CHARS', message: /flow/, by: 'parser', found: always("did not find expected ',' or ']'") },
  {
    code: 'KEY_OVER_1024_CHARS',
    by: 'scanner',
    found: ({ pos: [start] }, places) => ({ words: places.isFirstKey(start) ? notHere('values') : noColon }),
  },
  { code: 'RESOURCE_EXHAUSTION', by: 'scanner', found: always(`exceeded max depth of ${maxDepth}`) },
];

/** A tab after a plain text might be its next line; elsewhere nothing begins with one. */
function tabbed({ pos: [start] }: YAMLParseError, places: YamlPlaces): { words: string } {
  const before = places.before(start);
  const begins = before === '' || /[-:?[\]{}"'|>]$/.test(before) || /(?:^|\s)#[^\n]*$/.test(before);
  return { words: begins ? noStart : 'found a tab character that violates indentation' };
}

/** A list or map in brackets goes on where it should not. */
function unclosed({ pos: [start], message }: YAMLParseError, places: YamlPlaces): { words: string } {
  if (/[[{,:]$/.test(places.before(start)) && /must/.test(message)) return { words: noContent };
  const bracket = /flow sequence|Flow sequence/.test(message)
    ? '['
    : /[Ff]low map/.test(message)
      ? '{'
      : places.bracket(start);
  return { words: `did not find expected ',' or '${bracket === '{' ? '}' : ']'}'` };
}

/** A key of several lines, or without a colon. */
function keyOfLines({ pos: [start, end] }: YAMLParseError, places: YamlPlaces): Partial<Found> & Pick<Found, 'words'> {
  const bracket = places.bracket(start);
  if (bracket)
    return { by: 'parser', words: `did not find expected ',' or '${bracket === '{' ? '}' : ']'}'`, offset: end };
  if (places.startsWith(start, '- ')) return { by: 'parser', words: noKey };
  if (places.isFirstKey(start)) return { words: notHere('values'), offset: end };
  return { words: noColon, offset: places.afterKey(start, end) };
}

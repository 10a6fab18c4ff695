import { maxDepth } from '@berth/kube';
import {
  Composer,
  type Document,
  isCollection,
  isScalar,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  type YAMLParseError,
} from 'yaml';
import { decodeYaml } from './yaml-decoder.ts';
import {
  checkBeginning,
  checkCharacters,
  checkContent,
  checkDirective,
  checkEscapes,
  syntaxError,
} from './yaml-errors.ts';
import { nodesOf } from './yaml-nodes.ts';

export interface YamlDocument {
  readonly value: unknown;
  /** Of each key that was there before, in the words of Go's reader: `line 3: key "a" already set in map`. */
  readonly repeated: readonly string[];
}

/** What a scalar means is told by ours, not by the library. */
const asTexts = {
  schema: 'failsafe',
  version: '1.1',
  uniqueKeys: false,
  resolveKnownTags: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/**
 * The first document of a text, read as sigs.k8s.io/yaml's YAMLToJSON does; what follows it is not looked at.
 * @throws Error – in Go's words; BeyondBudget – aliases make more of it than `budget` values
 */
export function readDocument(given: string, budget = Number.POSITIVE_INFINITY): YamlDocument {
  checkCharacters(given);
  const text = withPlainLines(given);
  checkBeginning(text);
  checkContent(text);
  if (/\\(?:\/|[uU])/.test(text)) checkQuoted(text);
  checkDepth(text);
  checkDirective(text);
  const { value, repeats } = decodeYaml(parse(text, false).document, budget);
  return { value, repeated: repeats.length === 0 ? [] : repeatedKeys(text) };
}

/** Of the ends of lines that Go's reader knows the library knows two; of two marks at the beginning it skips one. */
function withPlainLines(text: string): string {
  return text.replace(/\r(?!\n)|\u0085/g, '\n').replace(/^\ufeff\ufeff/, '\ufeff');
}

function checkQuoted(text: string): void {
  let [at, before] = [0, ''];
  for (const token of new Lexer().lex(text)) {
    const start = at;
    if (token.startsWith('"') && before !== scalarFollows) checkEscapes(token, () => text.slice(0, start));
    before = token;
    if (!isMark.test(token)) at += token.length;
  }
}

/** What comes before a text whose characters are no syntax. */
const scalarFollows = '\x1f';
/** What the lexer says beside the text: that, where a document begins, where brackets are not closed. */
const isMark = /^[\x02\x18\x1f]$/;

/** @throws Error – it is deeper than Go's reader goes */
function checkDepth(text: string): void {
  const at = nestsDeeper(text, maxDepth);
  if (at === undefined) return;
  const line = text.slice(0, at).split('\n').length;
  throw new Error(`yaml: ${line === 1 ? '' : `line ${line}: `}exceeded max depth of ${maxDepth}`);
}

/**
 * Where a text has more than `most` lists and maps within each other that are in brackets, or begin on one line. Each that begins on
 * a line of its own is indented more, so that a text is long before many do.
 */
export function nestsDeeper(text: string, most: number): number | undefined {
  if (text.length <= most) return undefined;
  let [brackets, onLine, at] = [0, 0, 0];
  let before = '';
  for (const token of new Lexer().lex(text)) {
    const isSyntax = before !== scalarFollows;
    before = token;
    if (isSyntax) {
      if (token === '[' || token === '{') brackets++;
      else if (token === ']' || token === '}') brackets--;
      else if (token === '-' || token === '?') onLine++;
      else if (token.endsWith('\n')) onLine = 0;
      if (brackets > most || onLine > most) return at;
    }
    if (!isMark.test(token)) at += token.length;
  }
  return undefined;
}

/** Where values stand is known only to a parser that keeps what it read. */
function repeatedKeys(text: string): string[] {
  const { document, lines } = parse(text, true);
  const { repeats } = decodeYaml(document, Number.POSITIVE_INFINITY);
  return repeats.map(({ pair, key }) => `line ${lines.linePos(startOf(pair)).line}: key ${key} already set in map`);
}

function parse(text: string, keepSourceTokens: boolean): { document: Document.Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const tokens = new Parser(lines.addNewLine).parse(text);
  const composer = new Composer({ ...asTexts, keepSourceTokens });
  const [document] = composer.compose(tokens, true, text.length) as Iterable<Document.Parsed>;
  if (!document) throw new Error('yaml: unknown problem parsing YAML content');
  // Go's reader takes a comment wherever a token ends.
  const error = document.errors.find(
    (each) => !each.message.startsWith('Comments must be separated') && !isBehindAll(each, document),
  );
  if (error) throw syntaxError(error, text);
  if (/\S[^\n\S]*$/.test(text.slice(-1000)) && /[|>]/.test(text)) endAsWritten(document, text.length);
  return { document, lines };
}

/** What is behind a list or map in brackets that is all of the document nobody looks at. */
function isBehindAll({ code, pos }: YAMLParseError, { contents }: Document.Parsed): boolean {
  const isWhole = isCollection(contents) && contents.flow === true && contents.range;
  return isWhole ? code === 'UNEXPECTED_TOKEN' && pos[0] >= contents.range[1] : false;
}

/** A block at the end of a text without a last line end has none either. */
function endAsWritten(document: Document.Parsed, end: number): void {
  for (const node of nodesOf(document)) {
    if (!isScalar(node) || (node.type !== 'BLOCK_LITERAL' && node.type !== 'BLOCK_FOLDED')) continue;
    if (node.range?.[1] === end && node.source?.endsWith('\n')) node.source = node.source.slice(0, -1);
  }
}

/** Where the value begins, its anchor and tag included. */
function startOf({ key, value, srcToken }: Pair): number {
  const sep = srcToken?.sep ?? [];
  const colon = sep.findIndex(({ type }) => type === 'map-value-ind');
  const property = sep.slice(colon + 1).find(({ type }) => type === 'anchor' || type === 'tag');
  return property?.offset ?? rangeOf(value)?.[0] ?? rangeOf(key)?.[1] ?? 0;
}

function rangeOf(node: unknown): readonly number[] | undefined {
  return (node as { range?: readonly number[] } | null)?.range;
}

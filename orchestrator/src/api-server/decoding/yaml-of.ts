import { Document, isScalar, type Pair, type Tags, visit } from 'yaml';
import { yamlKeyOrder } from './yaml-key-order.ts';

/** Readers of YAML 1.1, Go's and Python's among them, take these for ends of lines, drop them, or refuse the document. */
const unfit = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Text that only some readers take for text, and lines of nothing but blanks, or that begin with a tab, which are no block. */
const doubtful = /^(?:(?:<<|=|[-+]?0o[0-7_]+|[ \t\n]+)$|[ \n]*\t)/;

/** Each text on one line, or as it is: where the library breaks a line at blanks it loses some. */
const unbroken = { lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER };

const keyOf = ({ key }: Pair): string => String(isScalar(key) ? key.value : key);

/** Keys and lists where upstream's writer has them. */
const layout = { ...unbroken, indentSeq: false };
const sortMapEntries = (a: Pair, b: Pair) => yamlKeyOrder(keyOf(a), keyOf(b));

/** A value as YAML that readers of 1.1 and of 1.2 read alike. */
export function yamlOf(value: unknown): string {
  const document = new Document(value, { version: '1.1', customTags: withoutMerge, sortMapEntries });
  visit(document, (_, node) => {
    if (!isScalar(node) || typeof node.value !== 'string') return;
    if (doubtful.test(node.value) || node.value.search(unfit) >= 0) node.type = 'QUOTE_DOUBLE';
  });
  return document.toString(layout).replace(unfit, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An object has keys, not what to merge. */
function withoutMerge(tags: Tags): Tags {
  return tags.filter((tag) => tag !== 'merge' && (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:merge'));
}

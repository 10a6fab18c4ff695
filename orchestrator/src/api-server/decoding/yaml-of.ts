import { Document, isScalar, type Tags, visit } from 'yaml';

/** Readers of YAML 1.1, Go's and Python's among them, take these for ends of lines, or drop them. */
const breaks = /[\u0085\u2028\u2029\ufeff]/g;

/** Text that only some readers take for text, and lines of nothing but blanks, which are no block. */
const doubtful = /^(?:<<|=|[-+]?0o[0-7_]+|[ \t\n]+)$/;

/** A value as YAML that readers of 1.1 and of 1.2 read alike. */
export function yamlOf(value: unknown): string {
  const document = new Document(value, { version: '1.1', customTags: withoutMerge });
  visit(document, (_, node) => {
    if (!isScalar(node) || typeof node.value !== 'string') return;
    if (doubtful.test(node.value) || node.value.search(breaks) >= 0) node.type = 'QUOTE_DOUBLE';
  });
  return document.toString().replace(breaks, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An object has keys, not what to merge. */
function withoutMerge(tags: Tags): Tags {
  return tags.filter((tag) => tag !== 'merge' && (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:merge'));
}

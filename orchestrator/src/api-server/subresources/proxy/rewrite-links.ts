/** Attributes that name places, by element (apimachinery util/proxy atomsToAttrs). */
const placeAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** What is between their tags is text, whatever it looks like. */
const textElements = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

const tagName = /<([a-z][^\s/>]*)/iy;
/** Begins where a word does: a long one is looked at once. */
const attribute = /(?<![^\s"'/])([^\s"'/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"']+)/g;

/**
 * A page with the places that `placeOf` has another name for; all else is as it was. Unlike upstream's, tags of which nothing is
 * changed are not written anew. Takes as long as the page is.
 */
export function rewriteLinks(page: string, placeOf: (link: string) => string | undefined): string {
  let rewritten = '';
  let at = 0;
  for (let next = page.indexOf('<'); next >= 0; next = page.indexOf('<', at)) {
    tagName.lastIndex = next;
    const name = tagName.exec(page)?.[1];
    const end = name === undefined ? afterOther(page, next) : tagEnd(page, next + 1 + name.length);
    if (end === undefined) break;
    rewritten += page.slice(at, next);
    at = end;
    if (name === undefined) {
      rewritten += page.slice(next, end);
      continue;
    }
    const element = name.toLowerCase();
    rewritten += `<${name}${attributesOf(element, page.slice(next + 1 + name.length, end - 1), placeOf)}>`;
    if (!textElements.has(element)) continue;
    const close = page.slice(end).search(new RegExp(`</${element}`, 'i'));
    at = close < 0 ? page.length : end + close;
    rewritten += page.slice(end, at);
  }
  return rewritten + page.slice(at);
}

/** Behind a comment, or a `<` of anything else. */
function afterOther(page: string, from: number): number | undefined {
  if (!page.startsWith('<!--', from)) return from + 1;
  const end = page.indexOf('-->', from);
  return end < 0 ? undefined : end + 3;
}

/** Behind the first `>` that is in no quotes; undefined: there is none, nor of any tag that follows. */
function tagEnd(page: string, from: number): number | undefined {
  const mark = /[>"']/g;
  mark.lastIndex = from;
  for (let found = mark.exec(page); found; found = mark.exec(page)) {
    if (found[0] === '>') return mark.lastIndex;
    const close = page.indexOf(found[0], mark.lastIndex);
    if (close < 0) return undefined;
    mark.lastIndex = close + 1;
  }
  return undefined;
}

function attributesOf(element: string, text: string, placeOf: (link: string) => string | undefined): string {
  const wanted = Object.hasOwn(placeAttributes, element) ? placeAttributes[element] : undefined;
  if (!wanted) return text;
  return text.replace(attribute, (whole: string, name: string, equals: string, quoted: string) => {
    if (!wanted.includes(name.toLowerCase())) return whole;
    const place = placeOf(unescaped(quoted.replace(/^(["'])(.*)\1$/s, '$2')));
    return place === undefined ? whole : `${name}${equals}"${escaped(place)}"`;
  });
}

/** Of what may stand in an address. */
const references: Readonly<Record<string, string>> = { amp: '&', quot: '"', apos: "'", lt: '<', gt: '>' };

function unescaped(text: string): string {
  return text.replace(/&(amp|quot|apos|lt|gt|#\d{1,7}|#x[0-9a-f]{1,6});/gi, (whole, name: string) => {
    const known = references[name.toLowerCase()];
    if (known !== undefined) return known;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

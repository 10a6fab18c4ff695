/** As much as is looked at (MIME Sniffing §7, reading the resource header). */
const lookedAt = 512;

const tags = ['!DOCTYPE HTML', 'HTML', 'HEAD', 'SCRIPT', 'IFRAME', 'H1', 'DIV', 'FONT', 'TABLE', 'A', 'STYLE', 'TITLE'];

/** How bytes begin, each a character, and what they are then (MIME Sniffing §6 and §7.1; the first that fits). */
const beginnings: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^[\\t\\n\\f\\r ]*<(${tags.join('|')}|B|BODY|BR|P|!--)[ >]`, 'i'), 'text/html; charset=utf-8'],
  [/^[\t\n\f\r ]*<\?xml/, 'text/xml; charset=utf-8'],
  [/^%PDF-/, 'application/pdf'],
  [/^%!PS-Adobe-/, 'application/postscript'],
  [/^\xfe\xff../s, 'text/plain; charset=utf-16be'],
  [/^\xff\xfe../s, 'text/plain; charset=utf-16le'],
  [/^\xef\xbb\xbf./s, 'text/plain; charset=utf-8'],
  [/^\0\0[\x01\x02]\0/, 'image/x-icon'],
  [/^BM/, 'image/bmp'],
  [/^GIF8[79]a/, 'image/gif'],
  [/^RIFF.{4}WEBPVP/s, 'image/webp'],
  [/^\x89PNG\r\n\x1a\n/, 'image/png'],
  [/^\xff\xd8\xff/, 'image/jpeg'],
  [/^ID3/, 'audio/mpeg'],
  [/^OggS\0/, 'application/ogg'],
  [/^RIFF.{4}WAVE/s, 'audio/wave'],
  [/^\x1a\x45\xdf\xa3/, 'video/webm'],
  [/^\0\x01\0\0/, 'font/ttf'],
  [/^OTTO/, 'font/otf'],
  [/^wOFF/, 'font/woff'],
  [/^wOF2/, 'font/woff2'],
  [/^\x1f\x8b\x08/, 'application/x-gzip'],
  [/^PK\x03\x04/, 'application/zip'],
  [/^\0asm/, 'application/wasm'],
  [/^[^\0-\x08\x0b\x0e-\x1a\x1c-\x1f]*$/, 'text/plain; charset=utf-8'],
];

/** The type of what begins with these bytes, where nobody says it: what Go's server says (net/http DetectContentType). */
export function guessedType(beginning: Uint8Array): string {
  const text = Buffer.from(beginning.subarray(0, lookedAt)).toString('latin1');
  return beginnings.find(([pattern]) => pattern.test(text))?.[1] ?? 'application/octet-stream';
}

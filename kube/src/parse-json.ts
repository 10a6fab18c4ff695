import { mayHaveLargeInteger } from '@berth/kit';
import { DecodeError } from './go-json.ts';
import { readJson, type TellBeyond } from './json-reader.ts';

/** As deep as Go's decoders go. What walks the value later needs a stack for it: see api-server/aside/heavy-work.ts. */
export const maxDepth = 10_000;

/** A power of ten that may be beyond every float, or half of a character. */
const unusual = /\d[eE]\+?\d{3}|\\u[dD][89a-fA-F]/;

/** A JSON document of our own, or one that was read before: integers exactly. @throws SyntaxError, DecodeError */
export function parseExact(text: string): unknown {
  return mayHaveLargeInteger(text) ? readJson(text).value : (JSON.parse(text) as unknown);
}

/**
 * A JSON document as a value, its integers exactly. @throws DecodeError – in the words of Go's scanner.
 */
export function parseJson(text: string): unknown {
  checkDepth(text);
  if (unusual.test(text)) return readJson(text).value;
  try {
    return parseExact(text);
  } catch {
    // Again with the reader that knows Go's words for what is wrong.
    return readJson(text).value;
  }
}

/** The same, naming each field that an object has twice: `data.a`. The last one counts. */
export function parseJsonStrict(
  text: string,
  tellBeyond?: TellBeyond,
): { value: unknown; duplicateFields: readonly string[] } {
  checkDepth(text);
  return readJson(text, tellBeyond);
}

function checkDepth(text: string): void {
  // A document this short cannot nest too deep; most are.
  if (text.length <= maxDepth) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 92) i++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123 || code === 91) {
      if (++depth > maxDepth) throw new DecodeError(`invalid character '${text[i]}' exceeded max depth`);
    } else if (code === 125 || code === 93) depth--;
  }
}

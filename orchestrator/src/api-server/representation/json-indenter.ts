const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a] as const;
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d] as const;
const [newline, blank] = [0x0a, 0x20] as const;

/** Where a nested line begins: deeper ones would fill a megabyte with blanks. */
const deepest = 64;

/**
 * JSON in lines, as Go's json.MarshalIndent has it with two blanks a level. The text is valid, and comes in pieces of any size;
 * blanks between its values are dropped.
 */
export class JsonIndenter {
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** What was opened last is empty so far. */
  #opened = false;
  #out = Buffer.allocUnsafe(0);
  #at = 0;

  push(piece: Uint8Array): Uint8Array {
    this.#out = Buffer.allocUnsafe(piece.length * 2 + 1024);
    this.#at = 0;
    for (const byte of piece) {
      this.#room();
      if (this.#inText) this.#text(byte);
      else if (byte > blank) this.#sign(byte);
    }
    return this.#out.subarray(0, this.#at);
  }

  #text(byte: number): void {
    this.#put(byte);
    if (this.#escaped) this.#escaped = false;
    else if (byte === backslash) this.#escaped = true;
    else if (byte === quote) this.#inText = false;
  }

  #sign(byte: number): void {
    if (byte === closeBracket || byte === closeBrace) {
      this.#depth--;
      if (!this.#opened) this.#line();
      this.#opened = false;
      return this.#put(byte);
    }
    if (this.#opened) this.#line();
    this.#opened = byte === openBracket || byte === openBrace;
    if (this.#opened) this.#depth++;
    this.#inText = byte === quote;
    this.#put(byte);
    if (byte === comma) this.#line();
    if (byte === colon) this.#put(blank);
  }

  #line(): void {
    this.#put(newline);
    const width = 2 * Math.min(this.#depth, deepest);
    this.#out.fill(blank, this.#at, this.#at + width);
    this.#at += width;
  }

  #put(byte: number): void {
    this.#out[this.#at++] = byte;
  }

  /** For a sign and two lines, which is the most that one of the text becomes. */
  #room(): void {
    if (this.#out.length - this.#at >= 4 * (deepest + 2)) return;
    const larger = Buffer.allocUnsafe(this.#out.length * 2);
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}

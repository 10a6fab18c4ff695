import { ImageError } from './image-error.ts';

const space = 0x20;
const equals = 0x3d;

/**
 * The records of a pax extended header, `LENGTH key=value\n` each, values as the bytes they are (POSIX.1-2024, pax).
 * @throws ImageError Invalid – a record's length does not fit.
 */
export function parsePaxRecords(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    // Some writers fill the block up with NULs.
    if (body[at] === 0) break;
    const blank = body.indexOf(space, at);
    const digits = blank < 0 ? '' : body.toString('latin1', at, blank);
    const length = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    const separator = body.indexOf(equals, blank);
    if (length === 0 || at + length > body.length || separator < 0 || separator >= at + length)
      throw new ImageError('Invalid', 'not a sound tar archive: a pax record is malformed');
    records.set(body.toString('utf8', blank + 1, separator), body.subarray(separator + 1, at + length - 1));
    at += length;
  }
  return records;
}

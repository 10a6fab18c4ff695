/** Records of a file with comma-separated values (RFC 4180): quoted fields, doubled quotes, blank lines left out. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new RangeError(`wrong quotes after character ${at}`);
    const [, quoted, bare = '', end = ''] = match;
    fields.push(quoted === undefined ? bare.trim() : quoted.replaceAll('""', '"'));
    if (end === ',') {
      if (pattern.lastIndex === text.length) fields.push('');
      else continue;
    }
    if (fields.length > 1 || fields[0] !== '') records.push(fields);
    fields = [];
  }
  return fields.length > 0 ? [...records, fields] : records;
}

import type { MountInfo } from './mounter.ts';

/** Parses /proc/[pid]/mountinfo; a line that is cut short is skipped. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split('\n').flatMap((line) => {
    const mount = parseMountLine(line);
    return mount ? [mount] : [];
  });
}

/** A line of it; undefined for one that is cut short. */
export function parseMountLine(line: string): MountInfo | undefined {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  if (separator < 0 || fields.length < separator + 3) return undefined;
  const at = (index: number) => fields[index] as string;
  return {
    id: Number(at(0)),
    parentId: Number(at(1)),
    device: at(2),
    root: unescapeOctal(at(3)),
    mountPoint: unescapeOctal(at(4)),
    options: at(5).split(','),
    propagation: fields.slice(6, separator),
    fsType: at(separator + 1),
    source: unescapeOctal(at(separator + 2)),
    superOptions: (fields[separator + 3] ?? '').split(','),
  };
}

/** The kernel writes space, tab, newline and backslash as three octal digits; bytes of a multi-byte name may come so too. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: Buffer[] = [];
  let rest = text;
  for (let match = /\\([0-7]{3})/.exec(rest); match; match = /\\([0-7]{3})/.exec(rest)) {
    bytes.push(Buffer.from(rest.slice(0, match.index)), Buffer.of(Number.parseInt(match[1] as string, 8)));
    rest = rest.slice(match.index + 4);
  }
  return Buffer.concat([...bytes, Buffer.from(rest)]).toString();
}

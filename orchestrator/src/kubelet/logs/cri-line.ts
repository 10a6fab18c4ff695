/** One line of a container's log in CRI's format: `<RFC 3339 nano> stdout|stderr F|P <text>`. */
export interface CriLine {
  /** As it stands in the file. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The text goes on in the next line of the same stream. */
  readonly partial: boolean;
  /** Without a line end. */
  readonly text: Buffer;
}

const space = 0x20;

/** Parses a line without its line end; undefined where it is not in the format. */
export function parseCriLine(line: Buffer): CriLine | undefined {
  const first = line.indexOf(space);
  const second = first < 0 ? -1 : line.indexOf(space, first + 1);
  if (second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const tagEnd = third < 0 ? line.length : third;
  const time = line.toString('latin1', 0, first);
  const stream = line.toString('latin1', first + 1, second);
  const tags = line.toString('latin1', second + 1, tagEnd).split(':');
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  if (!/^\d{4}-\d\d-\d\dT/.test(time) || (tags[0] !== 'F' && tags[0] !== 'P')) return undefined;
  return { time, stream, partial: tags[0] === 'P', text: line.subarray(third < 0 ? line.length : third + 1) };
}

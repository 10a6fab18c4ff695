import { grpcError } from '@berth/protos';
import type { FsType } from './superblock.ts';

const number = /^\d{1,12}$/;
const size = /^\d{1,12}[kKmMgG]?$/;
const features = /^(\^?[a-z0-9_]{1,40})(,\^?[a-z0-9_]{1,40})*$/;
const label = /^[A-Za-z0-9_.-]{1,12}$/;
const assignments = (keys: string) => new RegExp(`^(${keys})=\\d{1,12}[kmg]?(,(${keys})=\\d{1,12}[kmg]?)*$`);

/** Flags that shape the filesystem and nothing else, with the form of their value (mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8)). */
const allowed: Readonly<Record<FsType, Readonly<Record<string, RegExp>>>> = {
  ext4: {
    '-b': number,
    '-i': number,
    '-I': number,
    '-N': number,
    '-m': number,
    '-O': features,
    '-L': label,
    '-J': /^size=\d{1,6}$/,
  },
  xfs: {
    '-b': assignments('size'),
    '-i': assignments('size|maxpct|sparse|nrext64'),
    '-m': assignments('crc|finobt|reflink|rmapbt|bigtime|inobtcount'),
    '-l': assignments('size|sunit|su'),
    '-n': assignments('size'),
    '-s': assignments('size'),
    '-d': assignments('agcount|agsize|su|sw'),
    '-L': label,
  },
  btrfs: { '-n': size, '-s': size, '-m': /^(single|dup)$/, '-d': /^(single|dup)$/, '-O': features, '-L': label },
};

/**
 * The parameter `mkfsOptions` as arguments.
 * @throws GrpcError INVALID_ARGUMENT – a flag or a value that is not allowed; names those that are.
 */
export function parseMkfsOptions(text: string, fsType: FsType): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  for (let i = 0; i < words.length; i += 2) {
    const [flag, value] = [words[i] as string, words[i + 1]];
    const form = Object.hasOwn(allowed[fsType], flag) ? allowed[fsType][flag] : undefined;
    if (!form) {
      const flags = Object.keys(allowed[fsType]).join(', ');
      throw grpcError(
        'INVALID_ARGUMENT',
        `parameter "mkfsOptions": "${flag}" is not allowed for ${fsType}; allowed are ${flags}`,
      );
    }
    if (value === undefined || !form.test(value)) {
      throw grpcError('INVALID_ARGUMENT', `parameter "mkfsOptions": ${flag} cannot have the value "${value ?? ''}"`);
    }
  }
  return words;
}

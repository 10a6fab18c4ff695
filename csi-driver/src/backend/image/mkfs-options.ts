import { grpcError } from '@berth/protos';
import type { FsType } from './superblock.ts';

/** Whether a value is one that the flag can have. */
interface Form {
  test(value: string): boolean;
}

const between = (least: number, most: number): Form => ({
  test: (value) => /^\d{1,10}$/.test(value) && Number(value) >= least && Number(value) <= most,
});
const size = /^\d{1,12}[kKmMgG]?$/;
/** An external journal is no filesystem. */
const features = /^(?!.*\bjournal_dev\b)(\^?[a-z0-9_]{1,40})(,\^?[a-z0-9_]{1,40})*$/;
const label = /^[A-Za-z0-9_.-]{1,12}$/;
const assignments = (keys: string) => new RegExp(`^(${keys})=\\d{1,12}[kmg]?(,(${keys})=\\d{1,12}[kmg]?)*$`);

/** Flags that shape the filesystem and nothing else, with the form of their value (mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8)). */
const allowed: Readonly<Record<FsType, Readonly<Record<string, Form>>>> = {
  ext4: {
    '-b': /^(1024|2048|4096)$/,
    '-i': between(1024, 64 * 1024 ** 2),
    '-I': /^(128|256|512|1024|2048|4096)$/,
    '-N': between(1, 2 ** 32 - 1),
    '-m': between(0, 50),
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

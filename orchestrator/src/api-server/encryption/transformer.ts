/** What was stored, as it was before. */
export interface Opened {
  readonly data: Uint8Array;
  /** It would be stored in another way now: the next write of the object does so, though nothing else changes. */
  readonly stale: boolean;
}

/** A way to store values (apiserver storage/value). `key` is where, which is authenticated with the value. */
export interface Transformer {
  /** @throws Error – it was not sealed like this, or is damaged; words as upstream's. */
  open(data: Uint8Array, key: string): Opened;
  seal(data: Uint8Array, key: string): Uint8Array;
}

export interface PrefixedTransformer {
  readonly prefix: string;
  readonly transformer: Transformer;
}

/** The first seals, whichever one's prefix is there opens; `otherwise` is said where none is. */
export function byPrefix(transformers: readonly PrefixedTransformer[], otherwise: string): Transformer {
  const known = transformers.map(({ prefix, transformer }) => ({ prefix: Buffer.from(prefix), transformer }));
  const [first] = known;
  if (!first) throw new RangeError('no way to store values');
  return {
    seal: (data, key) => Buffer.concat([first.prefix, first.transformer.seal(data, key)]),
    open: (data, key) => {
      const errors = new Set<string>();
      for (const [index, { prefix, transformer }] of known.entries()) {
        if (!startsWith(data, prefix)) continue;
        try {
          const { data: opened, stale } = transformer.open(data.subarray(prefix.length), key);
          return { data: opened, stale: stale || index > 0 };
        } catch (error) {
          // Several providers may share a prefix, and what is plain has none: those after it are tried as well.
          if (prefix.length > 0) errors.add((error as Error).message);
        }
      }
      const [one, ...more] = errors;
      throw new Error(one === undefined ? otherwise : more.length === 0 ? one : `[${[...errors].join(', ')}]`);
    },
  };
}

function startsWith(data: Uint8Array, prefix: Uint8Array): boolean {
  return data.length >= prefix.length && Buffer.compare(data.subarray(0, prefix.length), prefix) === 0;
}

const encryptedPrefix = Buffer.from('k8s:enc:');

/** Values as they are. @throws Error – from `open`, of what is encrypted. */
export const identity: Transformer = {
  seal: (data) => data,
  open: (data) => {
    if (startsWith(data, encryptedPrefix)) throw new Error('identity transformer tried to read encrypted data');
    return { data, stale: false };
  },
};

import { messageOf } from '@berth/kit';
import { aggregate } from '../aggregate.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { readFileText } from '../configuration/read-file-text.ts';
import { aesCbc, aesGcm } from './aes-transformers.ts';
import { configurationErrors, splitName } from './check-configuration.ts';
import { type EncryptionFile, encryptionForm, type ProviderFields } from './configuration-schema.ts';
import { secretbox } from './secretbox.ts';
import { byPrefix, identity, type PrefixedTransformer, type Transformer } from './transformer.ts';

/** How a resource's objects are stored; undefined: as they are. */
export type ResourceTransformers = (group: string, plural: string) => Transformer | undefined;

const makers = {
  aesgcm: { make: aesGcm, family: 'AES' },
  aescbc: { make: aesCbc, family: 'AES' },
  secretbox: { make: secretbox, family: 'Secretbox' },
} as const;

/** The file's text. @throws RangeError – in upstream's words. */
export async function readEncryptionConfiguration(path: string): Promise<string> {
  return readFileText(path).catch((error: RangeError) => {
    throw wrongFile(`error while loading file: error reading ${named(path)}: ${error.message}`);
  });
}

/**
 * What a file of EncryptionConfiguration (apiserver.config.k8s.io/v1) says.
 * @throws RangeError – it is wrong: all that is, in upstream's words; a secret is never said.
 */
export function parseEncryptionConfiguration(text: string, path: string): ResourceTransformers {
  const file = fileOf(text, path);
  const errors = configurationErrors(file).map(({ field, message }) => `${field}: ${message}`);
  if (errors.length > 0) throw wrongFile(aggregate(errors));
  return transformersOf(file);
}

function named(path: string): string {
  return `encryption provider configuration file "${path}"`;
}

function wrongFile(why: string): RangeError {
  return new RangeError(`error while parsing file: ${why}`);
}

function fileOf(text: string, path: string): EncryptionFile {
  if (text === '') throw wrongFile(`error while loading file: ${named(path)} is empty`);
  try {
    return readConfiguration(text, encryptionForm);
  } catch (error) {
    throw wrongFile(`error decoding ${named(path)}: ${messageOf(error)}`);
  }
}

function transformersOf({ resources = [] }: EncryptionFile): ResourceTransformers {
  const byResource = new Map<string, PrefixedTransformer[]>();
  for (const { resources: names = [], providers = [] } of resources) {
    const made = providers.map(transformerOf);
    for (const name of names) {
      const [plural, group] = splitName(name);
      for (const earlier of [`*.${group}`, '*.*'])
        if (byResource.has(earlier))
          throw new RangeError(
            `error while building transformers: resource ${JSON.stringify(name)} is masked by earlier rule ${JSON.stringify(earlier)}`,
          );
      const key = `${plural}.${group}`;
      byResource.set(key, [...(byResource.get(key) ?? []), ...made]);
    }
  }
  const made = new Map(
    [...byResource].map(([name, providers]) => [name, byPrefix(providers, 'no matching prefix found')]),
  );
  return (group, plural) => made.get(`${plural}.${group}`) ?? made.get(`*.${group}`) ?? made.get('*.*');
}

/** Of a provider that is right: one that has keys, or `identity`. */
function transformerOf(provider: ProviderFields): PrefixedTransformer {
  const kind = (['aesgcm', 'aescbc', 'secretbox'] as const).find((one) => provider[one]);
  if (kind === undefined) return { prefix: '', transformer: identity };
  const { make, family } = makers[kind];
  const transformers = (provider[kind]?.keys ?? []).map(({ name = '', secret = '' }) => ({
    prefix: `${name}:`,
    transformer: make(Buffer.from(secret, 'base64')),
  }));
  const transformer = byPrefix(transformers, `no matching key was found for the provided ${family} transformer`);
  return { prefix: `k8s:enc:${kind}:v1:`, transformer };
}

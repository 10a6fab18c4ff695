import type { Store } from '../../store/store.ts';
import { foreignValues } from '../foreign-values.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { EncryptedStore } from './encrypted-store.ts';
import { readEncryptionConfiguration } from './encryption-configuration.ts';
import type { Transformer } from './transformer.ts';

/** A store as a file of --encryption-provider-config wants it. @throws RangeError – the file cannot be read or is wrong. */
export async function openEncryptedStore(
  store: Store,
  path: string,
  definitions: readonly ResourceDefinition[],
): Promise<Store> {
  const transformersOf = await readEncryptionConfiguration(path);
  const groups = new Map(definitions.filter(({ storedAs }) => !storedAs).map(({ plural, group }) => [plural, group]));
  const known = new Map<string, Transformer | undefined>();
  const transformerOf = (key: string) => {
    // `/registry/PLURAL/…`; custom resources are `/registry/GROUP/PLURAL/…`.
    const [, root = '', first = '', second = ''] = key.split('/', 4);
    if (root !== 'registry') return undefined;
    const [group, plural] = groups.has(first) ? [groups.get(first) ?? '', first] : [first, second];
    const name = `${group}/${plural}`;
    if (!known.has(name)) known.set(name, transformersOf(group, plural));
    return known.get(name);
  };
  // Of a shared store, kube-apiserver may be another writer.
  return new EncryptedStore(store, transformerOf, store.shared && foreignValues(definitions));
}

import type { Clock, Logger } from '@berth/kit';
import type { Store } from '../../store/store.ts';
import { followFile } from '../configuration/follow-file.ts';
import { foreignValues } from '../foreign-values.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { EncryptedStore, type TransformerOfKey } from './encrypted-store.ts';
import {
  parseEncryptionConfiguration,
  type ResourceTransformers,
  readEncryptionConfiguration,
} from './encryption-configuration.ts';
import type { Transformer } from './transformer.ts';

/** How changes of the file are told. */
export interface EncryptionRun {
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears of each change of the file, and whether it counts from now on. */
  readonly reloaded: (success: boolean) => void;
  readonly signal: AbortSignal;
}

export interface OpenedEncryptedStore {
  readonly store: EncryptedStore;
  /** From now on what the file says by then; what is wrong changes nothing. */
  readonly follow: (run: EncryptionRun) => void;
}

/** A store as a file of --encryption-provider-config wants it. @throws RangeError – the file cannot be read or is wrong. */
export async function openEncryptedStore(
  inner: Store,
  path: string,
  definitions: readonly ResourceDefinition[],
): Promise<OpenedEncryptedStore> {
  const groups = new Map(definitions.filter(({ storedAs }) => !storedAs).map(({ plural, group }) => [plural, group]));
  const byKey = (now: string) => transformerOfKeys(groups, parseEncryptionConfiguration(now, path));
  const text = await readEncryptionConfiguration(path);
  // Of a shared store, kube-apiserver may be another writer.
  const store = new EncryptedStore(inner, byKey(text), inner.shared && foreignValues(definitions));
  const use = async (now: string) => store.replace(byKey(now));
  const follow = ({ signal, ...run }: EncryptionRun) =>
    followFile({ path, text, of: 'keys of stored objects', use, ...run }, signal);
  return { store, follow };
}

function transformerOfKeys(
  groups: ReadonlyMap<string, string>,
  transformersOf: ResourceTransformers,
): TransformerOfKey {
  const known = new Map<string, Transformer | undefined>();
  return (key) => {
    // `/registry/PLURAL/…`; custom resources are `/registry/GROUP/PLURAL/…`.
    const [, root = '', first = '', second = ''] = key.split('/', 4);
    if (root !== 'registry') return undefined;
    const [group, plural] = groups.has(first) ? [groups.get(first) ?? '', first] : [first, second];
    const name = `${group}/${plural}`;
    if (!known.has(name)) known.set(name, transformersOf(group, plural));
    return known.get(name);
  };
}

import type { Store } from '../../store/store.ts';
import type { HealthCheck } from '../health-paths.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { EncryptionRun } from './open-encrypted-store.ts';

/** Which resources are stored encrypted, and with which keys. */
export interface EncryptionOptions {
  /** A file of --encryption-provider-config. */
  readonly configFile: string;
  /** Whether what it says later counts, too (--encryption-provider-config-automatic-reload). */
  readonly reload: boolean;
}

interface Options {
  readonly store: Store;
  readonly definitions: readonly ResourceDefinition[];
  readonly encryption?: EncryptionOptions;
  readonly healthChecks?: readonly HealthCheck[];
}

/** Follows the file, once the server runs. */
export interface Following {
  readonly followEncryption?: (run: EncryptionRun) => void;
}

/** With a store as the file wants it, where there is one. @throws RangeError – it cannot be read, or is wrong. */
export async function withEncryptedStore<T extends Options>(options: T): Promise<T & Following> {
  const { encryption, store: inner, definitions, healthChecks = [] } = options;
  if (!encryption) return options;
  const { openEncryptedStore } = await import('./open-encrypted-store.ts');
  const { store, follow } = await openEncryptedStore(inner, encryption.configFile, definitions);
  if (!encryption.reload) return { ...options, store };
  return { ...options, store, healthChecks: [...healthChecks, providersCheck], followEncryption: follow };
}

/** Upstream has it where the file is followed; no provider here can fail by itself. */
const providersCheck: HealthCheck = { name: 'kms-providers', check: () => undefined };

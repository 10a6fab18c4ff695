import type { ObjectSchema } from '@berth/kube';
import { configStruct } from '../configuration/config-schema.ts';
import type { ConfigurationForm } from '../configuration/read-configuration.ts';

/** What a file of --encryption-provider-config holds (apiserver.config.k8s.io), once it is read strictly. */
export interface EncryptionFile {
  readonly resources?: readonly ResourceFields[];
}

export interface ResourceFields {
  readonly resources?: readonly string[];
  readonly providers?: readonly ProviderFields[];
}

export interface ProviderFields {
  readonly aesgcm?: KeysFields;
  readonly aescbc?: KeysFields;
  readonly secretbox?: KeysFields;
  readonly identity?: object;
  readonly kms?: object;
}

interface KeysFields {
  readonly keys?: readonly KeyFields[];
}

export interface KeyFields {
  readonly name?: string;
  readonly secret?: string;
}

export const encryptionForm: ConfigurationForm = {
  kind: 'EncryptionConfiguration',
  versions: ['v1'],
  formerly: [{ apiVersion: 'v1', kind: 'EncryptionConfig' }],
  schema: encryptionSchema,
  hasSecrets: true,
};

function encryptionSchema(version: string): ObjectSchema {
  const struct = configStruct(version);
  const keys = { keys: [struct('Key', { name: 'string', secret: 'string' })] } as const;
  const aes = struct('AESConfiguration', keys);
  const provider = struct('ProviderConfiguration', {
    aesgcm: aes,
    aescbc: aes,
    secretbox: struct('SecretboxConfiguration', keys),
    identity: struct('IdentityConfiguration', {}),
    kms: struct('KMSConfiguration', {
      apiVersion: 'string',
      name: 'string',
      cachesize: 'int32',
      endpoint: 'string',
      timeout: 'string',
    }),
  });
  return struct('EncryptionConfiguration', {
    apiVersion: 'string',
    kind: 'string',
    resources: [struct('ResourceConfiguration', { resources: ['string'], providers: [provider] })],
  });
}

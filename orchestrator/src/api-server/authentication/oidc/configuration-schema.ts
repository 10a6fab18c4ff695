import type { ObjectSchema } from '@berth/kube';
import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';

/** What a file of --authentication-config holds (apiserver.config.k8s.io), once it is read strictly. */
export interface AuthenticationFile {
  readonly jwt?: readonly JwtFields[];
  readonly anonymous?: { readonly enabled?: boolean; readonly conditions?: readonly { readonly path?: string }[] };
}

export interface JwtFields {
  readonly issuer: {
    readonly url?: string;
    readonly discoveryURL?: string;
    readonly certificateAuthority?: string;
    readonly audiences?: readonly string[];
    readonly audienceMatchPolicy?: string;
    readonly egressSelectorType?: string;
  };
  readonly claimValidationRules?: readonly ClaimRuleFields[];
  readonly claimMappings: {
    readonly username: MappingFields;
    readonly groups: MappingFields;
    readonly uid: MappingFields;
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[];
  };
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[];
}

export interface ClaimRuleFields {
  readonly claim?: string;
  readonly requiredValue?: string;
  readonly expression?: string;
  readonly message?: string;
}

export interface MappingFields {
  readonly claim?: string;
  readonly prefix?: string;
  readonly expression?: string;
}

export const authenticationForm: ConfigurationForm = {
  kind: 'AuthenticationConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  schema: authenticationSchema,
};

function authenticationSchema(version: string): ObjectSchema {
  const struct = configStruct(version);
  const mapping = struct('PrefixedClaimOrExpression', { claim: 'string', prefix: 'string', expression: 'string' });
  const jwt = struct('JWTAuthenticator', {
    issuer: struct('Issuer', {
      url: 'string',
      discoveryURL: 'string',
      certificateAuthority: 'string',
      audiences: ['string'],
      audienceMatchPolicy: 'string',
      egressSelectorType: 'string',
    }),
    claimValidationRules: [
      struct('ClaimValidationRule', {
        claim: 'string',
        requiredValue: 'string',
        expression: 'string',
        message: 'string',
      }),
    ],
    claimMappings: struct('ClaimMappings', {
      username: mapping,
      groups: mapping,
      uid: struct('ClaimOrExpression', { claim: 'string', expression: 'string' }),
      extra: [struct('ExtraMapping', { key: 'string', valueExpression: 'string' })],
    }),
    userValidationRules: [struct('UserValidationRule', { expression: 'string', message: 'string' })],
  });
  return struct('AuthenticationConfiguration', {
    apiVersion: 'string',
    kind: 'string',
    jwt: [jwt],
    anonymous: struct('AnonymousAuthConfig', {
      enabled: 'boolean',
      conditions: [struct('AnonymousAuthCondition', { path: 'string' })],
    }),
  });
}

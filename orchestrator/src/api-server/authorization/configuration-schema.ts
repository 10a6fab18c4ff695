import type { ObjectSchema } from '@berth/kube';
import { configStruct } from '../configuration/config-schema.ts';
import type { ConfigurationForm } from '../configuration/read-configuration.ts';

/** What a file of --authorization-config holds (apiserver.config.k8s.io), once it is read strictly. */
export interface AuthorizationFile {
  readonly authorizers?: readonly AuthorizerFields[];
}

export interface AuthorizerFields {
  readonly type?: string;
  readonly name?: string;
  readonly webhook?: WebhookFields;
}

export interface WebhookFields {
  readonly authorizedTTL?: string;
  readonly cacheAuthorizedRequests?: boolean;
  readonly unauthorizedTTL?: string;
  readonly cacheUnauthorizedRequests?: boolean;
  readonly timeout?: string;
  readonly subjectAccessReviewVersion?: string;
  readonly matchConditionSubjectAccessReviewVersion?: string;
  readonly failurePolicy?: string;
  readonly connectionInfo: { readonly type?: string; readonly kubeConfigFile?: string };
  readonly matchConditions?: readonly { readonly expression?: string }[];
}

export const authorizationForm: ConfigurationForm = {
  kind: 'AuthorizationConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  schema: authorizationSchema,
};

function authorizationSchema(version: string): ObjectSchema {
  const struct = configStruct(version);
  const webhook = struct('WebhookConfiguration', {
    authorizedTTL: 'string',
    cacheAuthorizedRequests: 'boolean',
    unauthorizedTTL: 'string',
    cacheUnauthorizedRequests: 'boolean',
    timeout: 'string',
    subjectAccessReviewVersion: 'string',
    matchConditionSubjectAccessReviewVersion: 'string',
    failurePolicy: 'string',
    connectionInfo: struct('WebhookConnectionInfo', { type: 'string', kubeConfigFile: 'string' }),
    matchConditions: [struct('WebhookMatchCondition', { expression: 'string' })],
  });
  return struct('AuthorizationConfiguration', {
    apiVersion: 'string',
    kind: 'string',
    authorizers: [struct('AuthorizerConfiguration', { type: 'string', name: 'string', webhook })],
  });
}

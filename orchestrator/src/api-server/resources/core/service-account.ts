import type { ServiceAccount } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import type { KindRules } from '../rules.ts';

/** ServiceAccounts: kubernetes registry/core/serviceaccount/strategy.go. */
export const serviceAccountRules: KindRules = {
  rules: { prepareForCreate: onlyNames, prepareForUpdate: onlyNames },
};

/** Secrets are known by their names alone (cleanSecretReferences). */
function onlyNames(object: AnyObject): void {
  const account = object as ServiceAccount;
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name ? { name } : {}));
}

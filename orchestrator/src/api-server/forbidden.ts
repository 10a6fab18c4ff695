import { type ApiError, apiError } from '@berth/kube';
import type { Attributes } from './authorizer.ts';

/** What someone may not do, in upstream's words (apiserver responsewriters.Forbidden). */
export function forbiddenError(attributes: Attributes, reason: string): ApiError {
  const { user, verb, namespace, group, resource, subresource, name, path } = attributes;
  const because = reason === '' ? '' : `: ${reason}`;
  if (resource === '')
    return apiError(
      'Forbidden',
      `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}${because}`,
      { details: {} },
    );
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  return apiError(
    'Forbidden',
    `${what} is forbidden: User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${scope}${because}`,
    { details: { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource } },
  );
}

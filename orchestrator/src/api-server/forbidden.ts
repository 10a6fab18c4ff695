import { ApiError, apiError, goQuote } from '@berth/kube';
import { type Attributes, isOfPath } from './authorizer.ts';
import { withoutTags } from './internal-error.ts';

/** What authorizers refuse before anything else is looked at: no browser shall guess what its answer is (apiserver responsewriters.Forbidden). */
export class UnpermittedError extends ApiError {}

/** What someone may not do, in upstream's words (apiserver responsewriters.Forbidden). */
export function forbiddenError(attributes: Attributes, reason: string): ApiError {
  const { user, verb, namespace, group, resource, subresource, name, path } = attributes;
  const because = reason === '' ? '' : `: ${reason}`;
  const said = (may: string) => `${withoutTags(`User ${goQuote(user.name)} cannot ${verb} ${may}`)}${because}`;
  if (isOfPath(attributes))
    return apiError('Forbidden', `forbidden: ${said(`path ${goQuote(path)}`)}`, { details: {} });
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  const what = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` ${goQuote(name)}`}`;
  return apiError(
    'Forbidden',
    `${what} is forbidden: ${said(`resource ${goQuote(full)} in API group ${goQuote(group)} ${scope}`)}`,
    {
      details: {
        ...(name === '' ? {} : { name }),
        ...(group === '' ? {} : { group }),
        ...(resource === '' ? {} : { kind: resource }),
      },
    },
  );
}

export function unpermitted(attributes: Attributes, reason: string): UnpermittedError {
  return new UnpermittedError(forbiddenError(attributes, reason).status);
}

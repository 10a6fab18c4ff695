import type { MatchResources, NamedRuleWithOperations } from '@berth/kube';
import type { ResourceDefinition } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { ruleMatches } from '../../webhook/admission/rule-match.ts';
import { namespaceOf, selectedBy } from '../../webhook/admission/selected-by.ts';
import type { AdmissionRequest } from '../admission.ts';

/**
 * The version of a request's object that `match` is about; undefined: it is not about the request (policy/matching).
 * @throws ApiError NotFound – the request's namespace does not exist.
 */
export async function matchedDefinition(
  match: MatchResources,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<ResourceDefinition | undefined> {
  const { resourceRules = [], excludeResourceRules = [], matchPolicy } = match;
  const found = ruled(resourceRules, matchPolicy, context, request);
  const excluded = ruled(excludeResourceRules, matchPolicy, context, request);
  if (excluded || (resourceRules.length > 0 && !found)) return undefined;
  return (await selectedBy(match, context, request)) ? (found ?? request.definition) : undefined;
}

function ruled(
  rules: readonly NamedRuleWithOperations[],
  policy: string | undefined,
  context: ServerContext,
  request: AdmissionRequest,
): ResourceDefinition | undefined {
  const matches = (definition: ResourceDefinition) => rules.some((rule) => isAbout(rule, definition, request));
  if (matches(request.definition)) return request.definition;
  if (policy === 'Exact' || rules.length === 0) return undefined;
  return context.registry.otherForms(request.definition).find(matches);
}

function isAbout(rule: NamedRuleWithOperations, definition: ResourceDefinition, request: AdmissionRequest): boolean {
  const { group, version, plural } = definition;
  const { subresource, operation } = request;
  const subject = {
    group,
    version,
    plural,
    subresource,
    operation: operation.toUpperCase(),
    namespace: namespaceOf(request),
  };
  const { resourceNames = [] } = rule;
  const name = request.generatedName ? '' : request.name;
  return ruleMatches(rule, subject) && (resourceNames.length === 0 || resourceNames.includes(name));
}

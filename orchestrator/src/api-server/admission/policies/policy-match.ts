import { type MatchResources, type NamedRuleWithOperations, Selector } from '@berth/kube';
import type { ResourceDefinition } from '../../resource-definition.ts';
import { notFound } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import { namespaceOf } from '../../webhook/admission/invocation.ts';
import { ruleMatches } from '../../webhook/admission/rule-match.ts';
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
  if (!matchesObject(match, request) || !(await matchesNamespace(match, context, request))) return undefined;
  return found ?? request.definition;
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
  const { registry } = context;
  const stored = registry.storedForm(request.definition);
  return registry.definitions.find((each) => each.stored && registry.storedForm(each) === stored && matches(each));
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
  return ruleMatches(rule, subject) && (resourceNames.length === 0 || resourceNames.includes(request.name));
}

function matchesObject({ objectSelector }: MatchResources, { operation, object, old }: AdmissionRequest): boolean {
  const selector = Selector.fromObject(objectSelector ?? {});
  if (selector.isEmpty) return true;
  const now = operation === 'delete' ? undefined : object;
  return [now, old].some((each) => each && selector.matches(each.metadata?.labels));
}

async function matchesNamespace(
  { namespaceSelector }: MatchResources,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<boolean> {
  const selector = Selector.fromObject(namespaceSelector ?? {});
  const namespace = namespaceOf(request);
  if (selector.isEmpty || namespace === '') return true;
  const { definition, operation, subresource, object } = request;
  const isNamespace = definition.group === '' && definition.plural === 'namespaces' && subresource === '';
  if (isNamespace && operation !== 'delete') return selector.matches(object.metadata.labels);
  const found = await context.storageOf('', 'namespaces')?.find('', namespace);
  if (!found) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  return selector.matches(found.object.metadata.labels);
}

import type { MutatingWebhook, RuleWithOperations, ValidatingWebhook } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, invalid, notSupported, required } from '../field.ts';
import { validateLabelSelector } from '../label-selector.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { webhookServiceErrors, webhookUrlErrors } from '../webhook-client-errors.ts';
import { withoutNulls } from '../wire-form.ts';

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const reviewVersions = ['v1', 'v1beta1'];

export const validatingWebhookRules = webhookRules(false);
export const mutatingWebhookRules = webhookRules(true);

function webhookRules(mutating: boolean): KindRules {
  return {
    generation: { initial: true, of: ({ webhooks }) => webhooks, exactly: 'webhooks' },
    cells: { Webhooks: ({ webhooks }) => webhooks?.length ?? 0 },
    rules: {
      default: (object) => {
        for (const hook of (object['webhooks'] ?? []) as Webhook[]) defaultWebhook(hook, mutating);
      },
      validate: (object) => (hasConditions(object) ? [] : configurationErrors(object)),
      checkAlso: conditionedErrors,
    },
  };
}

function hasConditions(object: AnyObject): boolean {
  return ((object['webhooks'] ?? []) as Webhook[]).some(({ matchConditions = [] }) => matchConditions.length > 0);
}

/** Expressions are read by what runs them, which is loaded where there are some; their errors stand among the others. */
async function conditionedErrors(sent: AnyObject, old: AnyObject | undefined): Promise<readonly FieldError[]> {
  if (!hasConditions(sent)) return [];
  const object = withoutNulls(sent);
  const conditions = (of: AnyObject) =>
    JSON.stringify(((of['webhooks'] ?? []) as Webhook[]).map(({ matchConditions = [] }) => matchConditions));
  if (old && conditions(object) === conditions(withoutNulls(old))) return configurationErrors(object);
  const { conditionErrors } = await import('../../../cel/admission/check-expressions.ts');
  const found: FieldError[][] = [];
  for (const [i, { matchConditions = [] }] of ((object['webhooks'] ?? []) as Webhook[]).entries())
    found.push(await conditionErrors(matchConditions, `webhooks[${i}].matchConditions`));
  return configurationErrors(object, found);
}

function defaultWebhook(hook: Webhook, mutating: boolean): void {
  hook.failurePolicy ??= 'Fail';
  hook.matchPolicy ??= 'Equivalent';
  hook.namespaceSelector ??= {};
  hook.objectSelector ??= {};
  hook.timeoutSeconds ??= 10;
  if (mutating) hook.reinvocationPolicy ??= 'Never';
  for (const rule of hook.rules ?? []) rule.scope ??= '*';
  if (hook.clientConfig?.service) hook.clientConfig.service.port ??= 443;
}

/** `ofConditions`: what is wrong with the conditions of each webhook. */
function configurationErrors(object: AnyObject, ofConditions: readonly FieldError[][] = []): FieldError[] {
  const hooks = (object['webhooks'] ?? []) as Webhook[];
  return hooks.flatMap((hook, index) => {
    const field = `webhooks[${index}]`;
    const repeated = hooks.findIndex(({ name }) => name === hook.name) < index;
    return [
      ...hookErrors(hook, field),
      ...(ofConditions[index] ?? []),
      ...versionErrors(hook.admissionReviewVersions ?? [], `${field}.admissionReviewVersions`),
      ...(hook.name && repeated ? [duplicate(`${field}.name`, hook.name)] : []),
    ];
  });
}

function hookErrors(hook: Webhook, field: string): FieldError[] {
  const { clientConfig: { url, service } = {}, timeoutSeconds: timeout = 10 } = hook;
  return [
    ...qualifiedNameErrors(hook.name ?? '', `${field}.name`),
    ...(hook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${field}.rules[${index}]`)),
    ...oneOf(hook.failurePolicy, ['Fail', 'Ignore'], `${field}.failurePolicy`),
    ...oneOf(hook.matchPolicy, ['Equivalent', 'Exact'], `${field}.matchPolicy`),
    ...(hook.sideEffects !== undefined
      ? oneOf(hook.sideEffects, ['None', 'NoneOnDryRun'], `${field}.sideEffects`)
      : [required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun')]),
    ...(timeout < 1 || timeout > 30
      ? [invalid(`${field}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds')]
      : []),
    ...validateLabelSelector(hook.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(hook.objectSelector, `${field}.objectSelector`),
    ...(hook.reinvocationPolicy === undefined
      ? []
      : oneOf(hook.reinvocationPolicy, ['IfNeeded', 'Never'], `${field}.reinvocationPolicy`)),
    ...((url === undefined) === (service === undefined)
      ? [required(`${field}.clientConfig`, 'exactly one of url or service is required')]
      : []),
    ...((url === undefined) !== (service === undefined) ? clientErrors(hook, `${field}.clientConfig`) : []),
  ];
}

function clientErrors({ clientConfig: { url, service } = {} }: Webhook, field: string): FieldError[] {
  if (service) return webhookServiceErrors(service, `${field}.service`);
  return url === undefined ? [] : webhookUrlErrors(url, `${field}.url`);
}

export function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return supported.includes(value ?? '') ? [] : [notSupported(field, value ?? '', supported)];
}

/** A domain of at least three parts (IsFullyQualifiedName). */
function qualifiedNameErrors(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const complaints = dns1123Subdomain(name);
  if (complaints.length > 0) return [invalid(field, name, complaints.join(','))];
  if (name.split('.').length >= 3) return [];
  return [invalid(field, name, 'should be a domain with at least three segments separated by dots')];
}

function versionErrors(versions: readonly string[], field: string): FieldError[] {
  if (versions.length === 0) return [required(field, 'must specify one of v1, v1beta1')];
  return [
    ...versions.flatMap((version, index) =>
      versions.indexOf(version) < index
        ? [invalid(`${field}[${index}]`, version, 'duplicate version')]
        : dns1035Label(version).map((text) => invalid(`${field}[${index}]`, version, text)),
    ),
    ...(versions.some((version) => reviewVersions.includes(version))
      ? []
      : [invalid(field, versions, 'must include at least one of v1, v1beta1')]),
  ];
}

/** Which requests a webhook or policy is about (validateRuleWithOperations). */
export function validateRule(rule: RuleWithOperations, field: string): FieldError[] {
  const { operations: ops = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  const alone = (list: readonly string[], name: string, what: string): FieldError[] => [
    ...(list.length > 0 ? [] : [required(`${field}.${name}`)]),
    ...(list.length > 1 && list.includes('*')
      ? [invalid(`${field}.${name}`, list, `if '*' is present, must not specify other ${what}`)]
      : []),
  ];
  return [
    ...alone(ops, 'operations', 'operations'),
    ...ops.flatMap((op, index) => oneOf(op, operations, `${field}.operations[${index}]`)),
    ...alone(apiGroups, 'apiGroups', 'API groups'),
    ...alone(apiVersions, 'apiVersions', 'API versions'),
    ...apiVersions.flatMap((version, index) => (version ? [] : [required(`${field}.apiVersions[${index}]`)])),
    ...resourceErrors(resources, `${field}.resources`),
    ...(scope === undefined ? [] : oneOf(scope, ['*', 'Cluster', 'Namespaced'], `${field}.scope`)),
  ];
}

/** Upstream's validateResources: among those without a subresource the last one counts. */
function resourceErrors(resources: readonly string[], field: string): FieldError[] {
  const whole = resources.findLast((resource) => resource !== '' && !resource.includes('/'));
  const before = new Set<string>();
  return [
    ...(resources.length > 0 ? [] : [required(field)]),
    ...resources.flatMap((resource, index) => {
      const at = `${field}[${index}]`;
      const errors = resource ? coveredErrors(resource, before, at) : [required(at)];
      before.add(resource);
      return errors;
    }),
    ...(resources.length > 1 && resources.includes('*/*')
      ? [invalid(field, resources, "if '*/*' is present, must not specify other resources")]
      : []),
    ...(resources.includes('*') && whole !== '*'
      ? [invalid(field, resources, "if '*' is present, must not specify other resources without subresources")]
      : []),
  ];
}

function coveredErrors(resource: string, before: ReadonlySet<string>, at: string): FieldError[] {
  const slash = resource.indexOf('/');
  if (slash < 0) return [];
  return [`${resource.slice(0, slash)}/*`, `*/${resource.slice(slash + 1)}`].flatMap((wildcard) =>
    before.has(wildcard) ? [invalid(at, resource, `if '${wildcard}' is present, must not specify ${resource}`)] : [],
  );
}

import type {
  FlowSchema,
  FlowSchemaSpec,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';

const subjectKinds = ['Group', 'ServiceAccount', 'User'];
const highestPrecedence = 10_000;

export const flowSchemaRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    PriorityLevel: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
    MatchingPrecedence: ({ spec }) => spec?.matchingPrecedence ?? 0,
    DistinguisherMethod: ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>',
    MissingPL: (object) =>
      (object as FlowSchema).status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  },
  rules: {
    default: (object) => {
      const spec = (object as FlowSchema).spec as FlowSchemaSpec;
      spec.matchingPrecedence ||= 1000;
    },
    validate: (object) => schemaErrors(object.metadata.name ?? '', (object as FlowSchema).spec as FlowSchemaSpec),
  },
};

function schemaErrors(name: string, spec: FlowSchemaSpec): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod: method, priorityLevelConfiguration: level } = spec;
  const field = 'spec.matchingPrecedence';
  const methods = ['ByNamespace', 'ByUser'];
  return [
    ...(precedence > 0 ? [] : [invalid(field, precedence, 'must be a positive value')]),
    ...(precedence > highestPrecedence
      ? [invalid(field, precedence, `must not be greater than ${highestPrecedence}`)]
      : []),
    ...(precedence === 1 && name !== 'exempt'
      ? [invalid(field, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")]
      : []),
    ...(method && !methods.includes(method.type)
      ? [notSupported('spec.distinguisherMethod.type', method, methods)]
      : []),
    ...(level?.name
      ? dns1123Subdomain(level.name).map((text) => invalid('spec.priorityLevelConfiguration.name', level.name, text))
      : [required('spec.priorityLevelConfiguration.name', 'must reference a priority level')]),
    ...(spec.rules ?? []).flatMap((rule, index) => ruleErrors(rule, `spec.rules[${index}]`)),
  ];
}

function ruleErrors(rule: PolicyRulesWithSubjects, field: string): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  const verbs = (list: readonly string[] | undefined, path: string) =>
    list?.length ? [] : [required(`${path}.verbs`, 'verbs must contain at least one value')];
  return [
    ...(subjects.length > 0 ? [] : [required(`${field}.subjects`, 'subjects must contain at least one value')]),
    ...subjects.flatMap(({ kind }, index) =>
      subjectKinds.includes(kind) ? [] : [notSupported(`${field}.subjects[${index}].kind`, kind, subjectKinds)],
    ),
    ...(resourceRules.length + nonResourceRules.length > 0
      ? []
      : [required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty')]),
    ...resourceRules.flatMap((entry, index) => verbs(entry.verbs, `${field}.resourceRules[${index}]`)),
    ...nonResourceRules.flatMap((entry, index) => verbs(entry.verbs, `${field}.nonResourceRules[${index}]`)),
  ];
}

export const priorityLevelRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    Type: ({ spec }) => spec?.type ?? '',
    NominalConcurrencyShares: ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? '<none>',
    Queues: ({ spec }) => spec?.limited?.limitResponse?.queuing?.queues ?? '<none>',
    HandSize: ({ spec }) => spec?.limited?.limitResponse?.queuing?.handSize ?? '<none>',
    QueueLengthLimit: ({ spec }) => spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? '<none>',
  },
  rules: {
    default: (object) => defaultLevel((object as PriorityLevelConfiguration).spec as PriorityLevelConfigurationSpec),
    validate: (object) =>
      levelErrors(
        object.metadata.name ?? '',
        (object as PriorityLevelConfiguration).spec as PriorityLevelConfigurationSpec,
      ),
  },
};

function defaultLevel({ exempt, limited }: PriorityLevelConfigurationSpec): void {
  if (exempt) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
  if (!limited) return;
  limited.nominalConcurrencyShares ??= 30;
  limited.lendablePercent ??= 0;
  const queuing = limited.limitResponse?.queuing;
  if (!queuing) return;
  queuing.handSize ||= 8;
  queuing.queues ||= 64;
  queuing.queueLengthLimit ||= 50;
}

function levelErrors(name: string, { type, exempt, limited }: PriorityLevelConfigurationSpec): FieldError[] {
  return [
    ...((name === 'exempt') === (type === 'Exempt')
      ? []
      : [invalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'")]),
    ...(type === 'Exempt' && limited ? [forbidden('spec.limited', 'must be nil if the type is not Limited')] : []),
    ...(type === 'Limited' && exempt ? [forbidden('spec.exempt', 'must be nil if the type is Limited')] : []),
    ...(type === 'Limited' && !limited ? [required('spec.limited', 'must not be empty when type is Limited')] : []),
    ...(type === 'Limited' && limited ? limitedErrors(limited) : []),
    ...(type ? [] : [required('spec.type')]),
    ...(type && type !== 'Exempt' && type !== 'Limited'
      ? [notSupported('spec.type', type, ['Exempt', 'Limited'])]
      : []),
  ];
}

function limitedErrors(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const { nominalConcurrencyShares: shares = 0, limitResponse, lendablePercent: lendable = 0 } = limited;
  return [
    ...(shares < 0 ? [invalid('spec.limited.nominalConcurrencyShares', shares, 'must be a non-negative integer')] : []),
    ...responseErrors(limitResponse ?? { type: '' }, 'spec.limited.limitResponse'),
    ...(lendable < 0 || lendable > 100
      ? [invalid('spec.limited.lendablePercent', lendable, 'must be between 0 and 100, inclusive')]
      : []),
  ];
}

function responseErrors({ type, queuing }: LimitResponse, field: string): FieldError[] {
  const path = `${field}.queuing`;
  if (type === 'Reject')
    return queuing ? [forbidden(path, 'must be nil if limited.limitResponse.type is not Limited')] : [];
  if (type !== 'Queue')
    return [type ? notSupported(`${field}.type`, type, ['Queue', 'Reject']) : required(`${field}.type`)];
  if (!queuing) return [required(path, 'must not be empty if limited.limitResponse.type is Limited')];
  const { queueLengthLimit = 0, queues = 0, handSize = 0 } = queuing;
  const positive = (name: string, value: number) =>
    value > 0 ? [] : [invalid(`${path}.${name}`, value, 'must be positive')];
  return [
    ...positive('queueLengthLimit', queueLengthLimit),
    ...positive('queues', queues),
    ...positive('handSize', handSize),
    ...(handSize > queues && handSize > 0
      ? [invalid(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`)]
      : []),
  ];
}

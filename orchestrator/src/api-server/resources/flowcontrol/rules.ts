import type {
  ExemptPriorityLevelConfiguration,
  FlowSchema,
  FlowSchemaSpec,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '@berth/kube';
import { mandatoryNames, mandatoryObjects } from '../../flow-control/default-objects.ts';
import { schemaOrder } from '../../flow-control/schema-order.ts';
import { maxHashBits, requiredEntropyBits } from '../../flow-control/shuffle-sharding.ts';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../field.ts';
import { shownForm } from '../internal-form.ts';
import { dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { ruleErrors } from './rule-errors.ts';

const highestPrecedence = 10_000;
const mostQueues = 10_000_000;

export const flowSchemaRules: KindRules = {
  statusKeepsMetadata: true,
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    PriorityLevel: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
    MatchingPrecedence: ({ spec }) => spec?.matchingPrecedence ?? 0,
    DistinguisherMethod: ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>',
    MissingPL: (object) =>
      (object as FlowSchema).status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  },
  rules: {
    tableOrder: (a, b) => schemaOrder(orderedBy(a), orderedBy(b)),
    default: (object) => {
      const spec = (object as FlowSchema).spec as FlowSchemaSpec;
      spec.matchingPrecedence ||= 1000;
    },
    validate: (object) => {
      const name = object.metadata.name ?? '';
      const spec = (object as FlowSchema).spec as FlowSchemaSpec;
      return [
        ...schemaErrors(name, spec),
        ...fixedErrors(name, spec, { type: 'FlowSchemaSpec', fixed: mandatorySpec('schemas', name) }),
      ];
    },
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: conditionErrors,
  },
};

function orderedBy({ metadata: { name = '' }, spec = {} }: AnyObject) {
  return { name, spec };
}

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
      ? [notSupported('spec.distinguisherMethod.type', { Type: method.type }, methods)]
      : []),
    ...(level?.name
      ? dns1123Subdomain(level.name).map((text) => invalid('spec.priorityLevelConfiguration.name', level.name, text))
      : [required('spec.priorityLevelConfiguration.name', 'must reference a priority level')]),
    ...(spec.rules ?? []).flatMap((rule, index) => ruleErrors(rule, `spec.rules[${index}]`)),
  ];
}

export const priorityLevelRules: KindRules = {
  statusKeepsMetadata: true,
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
    validate: (object) => {
      const name = object.metadata.name ?? '';
      const spec = (object as PriorityLevelConfiguration).spec as PriorityLevelConfigurationSpec;
      return [...levelErrors(name, spec), ...fixedLevelErrors(name, spec)];
    },
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: conditionErrors,
  },
};

/** All of it but who wrote what. */
function keepMetadata(next: AnyObject, { metadata: { managedFields: _, ...kept } }: AnyObject): void {
  const { managedFields } = next.metadata;
  next.metadata = { ...kept, ...(managedFields ? { managedFields } : {}) };
}

/** Conditions are of different types (ValidateFlowSchemaStatus). */
function conditionErrors({ status }: AnyObject): FieldError[] {
  const types = ((status?.conditions ?? []) as { readonly type?: string }[]).map(({ type = '' }) => type);
  return types.flatMap((type, index) => {
    const field = `status.conditions[${index}].type`;
    return [
      ...(types.indexOf(type) < index ? [duplicate(field, type)] : []),
      ...(type === '' ? [required(field)] : []),
    ];
  });
}

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
    ...(type === 'Exempt' && exempt ? shareErrors(exempt, 'spec.exempt') : []),
    ...(type ? [] : [required('spec.type')]),
    ...(type && type !== 'Exempt' && type !== 'Limited'
      ? [notSupported('spec.type', type, ['Exempt', 'Limited'])]
      : []),
  ];
}

function limitedErrors(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const { limitResponse, borrowingLimitPercent: borrowing = 0 } = limited;
  const [shares, lendable] = [
    shareErrors(limited, 'spec.limited', 'shares'),
    shareErrors(limited, 'spec.limited', 'lendable'),
  ];
  return [
    ...shares,
    ...responseErrors(limitResponse ?? { type: '' }, 'spec.limited.limitResponse'),
    ...lendable,
    ...(borrowing < 0
      ? [invalid('spec.limited.borrowingLimitPercent', borrowing, 'if specified, must be a non-negative integer')]
      : []),
  ];
}

function shareErrors(
  { nominalConcurrencyShares: shares = 0, lendablePercent: lendable = 0 }: ExemptPriorityLevelConfiguration,
  path: string,
  which: 'shares' | 'lendable' | 'both' = 'both',
): FieldError[] {
  return [
    ...(shares < 0 && which !== 'lendable'
      ? [invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')]
      : []),
    ...((lendable < 0 || lendable > 100) && which !== 'shares'
      ? [invalid(`${path}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive')]
      : []),
  ];
}

/** What every cluster needs is not anyone's to change. */
function fixedErrors(
  name: string,
  spec: object,
  { type, fixed }: { readonly type: string; readonly fixed: object | undefined },
): FieldError[] {
  if (!fixed || semanticEqual(spec, fixed)) return [];
  return [invalid('spec', shownForm(type, spec), `spec of '${name}' must equal the fixed value`)];
}

/** How much of the server is set aside for what is exempt may be said. */
function fixedLevelErrors(name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const fixed = mandatorySpec('levels', name);
  const type = 'PriorityLevelConfigurationSpec';
  if (name !== 'exempt' || !fixed) return fixedErrors(name, spec, { type, fixed });
  if (semanticEqual({ ...spec, exempt: undefined }, { ...fixed, exempt: undefined })) return [];
  return [
    invalid(
      'spec',
      shownForm(type, spec),
      `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`,
    ),
  ];
}

function mandatorySpec(kind: 'levels' | 'schemas', name: string): object | undefined {
  if (!mandatoryNames.includes(name)) return undefined;
  const all: readonly { readonly name: string; readonly spec: object }[] = mandatoryObjects()[kind];
  return all.find((each) => each.name === name)?.spec;
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
    ...(queues > mostQueues ? [invalid(`${path}.queues`, queues, `must not be greater than ${mostQueues}`)] : []),
    ...positive('handSize', handSize),
    ...handErrors(queues, handSize, `${path}.handSize`),
  ];
}

function handErrors(queues: number, handSize: number, field: string): FieldError[] {
  if (handSize <= 0) return [];
  if (handSize > queues) return [invalid(field, handSize, `should not be greater than queues (${queues})`)];
  if (requiredEntropyBits(queues, handSize) <= maxHashBits) return [];
  const what = `required entropy bits of deckSize ${queues} and handSize ${handSize}`;
  return [invalid(field, handSize, `${what} should not be greater than ${maxHashBits}`)];
}

import {
  type CrossVersionObjectReference,
  groupVersionOf,
  groupVersionProblem,
  type MetricSpec,
  type MetricTarget,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateContainerResourceName } from '../core/pod/resource-requirements.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { dns1123Label, pathSegment } from '../names.ts';
import { parseQuantity } from '../quantity.ts';

/** In the order upstream looks for them: only the first that is there is looked into. */
const sources = {
  object: 'Object',
  external: 'External',
  pods: 'Pods',
  resource: 'Resource',
  containerResource: 'ContainerResource',
} as const;
type Source = keyof typeof sources;
const metricTypes: readonly string[] = Object.values(sources).toSorted();

/** What is wrong with a metric (autoscaling validation validateMetricSpec). */
export function metricErrors(metric: MetricSpec, field: string): FieldError[] {
  const { type = '' } = metric;
  const present = (Object.keys(sources) as Source[]).filter((name) => metric[name]);
  const [first] = present;
  const own = (Object.keys(sources) as Source[]).find((name) => sources[name] === type);
  const unknown = notSupported(`${field}.type`, type, metricTypes);
  const others = present.length === 1 ? [] : present.filter((name) => name !== own);
  return [
    ...(type === '' ? [required(`${field}.type`, 'must specify a metric source type')] : []),
    ...(own ? [] : [unknown]),
    ...(first ? sourceErrors(metric, first, `${field}.${first}`) : []),
    ...(own && !metric[own]
      ? [required(`${field}.${own}`, 'must populate information for the given metric source')]
      : []),
    ...(own ? [] : [unknown]),
    ...others.map((name) => forbidden(`${field}.${name}`, 'must populate the given metric source only')),
  ];
}

function sourceErrors(metric: MetricSpec, source: Source, field: string): FieldError[] {
  const { target = {} as MetricTarget } = metric[source] ?? {};
  return [
    ...namedErrors(metric, source, field),
    ...targetErrors(target, `${field}.target`),
    ...wantedErrors(target, source, `${field}.target`),
  ];
}

function namedErrors(metric: MetricSpec, source: Source, field: string): FieldError[] {
  if (source === 'resource') return resourceNameErrors(metric.resource?.name, field);
  if (source === 'containerResource') {
    const { name, container } = metric.containerResource ?? {};
    return [
      ...resourceNameErrors(name, field),
      ...(name ? validateContainerResourceName(name, `${field}.name`) : []),
      ...(container
        ? dns1123Label(container).map((text) => invalid(`${field}.container`, container, text))
        : [required(`${field}.container`, 'must specify a container')]),
    ];
  }
  const name = metric[source]?.metric?.name;
  const described = metric.object?.describedObject ?? ({} as CrossVersionObjectReference);
  return [
    ...(source === 'object' ? referenceErrors(described, `${field}.describedObject`, true) : []),
    ...(name
      ? pathSegment(name).map((text) => invalid(`${field}.metric.name`, name, text))
      : [required(`${field}.metric.name`, 'must specify a metric name')]),
  ];
}

function resourceNameErrors(name: string | undefined, field: string): FieldError[] {
  return name ? [] : [required(`${field}.name`, 'must specify a resource name')];
}

const targetTypes = ['Utilization', 'Value', 'AverageValue'];

function targetErrors(
  { type = '', value, averageValue, averageUtilization }: Partial<MetricTarget>,
  field: string,
): FieldError[] {
  const positive = (name: string, quantity: string | undefined) =>
    quantity === undefined || parseQuantity(quantity).sign > 0
      ? []
      : [invalid(`${field}.${name}`, quantity, 'must be positive')];
  return [
    ...(type === '' ? [required(`${field}.type`, 'must specify a metric target type')] : []),
    ...(targetTypes.includes(type)
      ? []
      : [invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue')]),
    ...positive('value', value),
    ...positive('averageValue', averageValue),
    ...(averageUtilization !== undefined && averageUtilization < 1
      ? [invalid(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0')]
      : []),
  ];
}

/** Which of the target's numbers a source of this kind is compared with. */
function wantedErrors(
  { value, averageValue, averageUtilization }: MetricTarget,
  source: Source,
  field: string,
): FieldError[] {
  const average = `${field}.averageValue`;
  const none = value === undefined && averageValue === undefined;
  switch (source) {
    case 'object':
      return none ? [required(average, 'must set either a target value or averageValue')] : [];
    case 'external':
      if (none) return [required(average, 'must set either a target value for metric or a per-pod target')];
      return value === undefined || averageValue === undefined
        ? []
        : [forbidden(`${field}.value`, 'may not set both a target value for metric and a per-pod target')];
    case 'pods':
      return averageValue === undefined ? [required(average, 'must specify a positive target averageValue')] : [];
    default:
      if (averageUtilization === undefined && averageValue === undefined)
        return [required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization')];
      return averageUtilization === undefined || averageValue === undefined
        ? []
        : [forbidden(average, 'may not set both a target raw value and a target utilization')];
  }
}

/** What is wrong with the name of another object (ValidateCrossVersionObjectReference). */
export function referenceErrors(
  reference: Partial<CrossVersionObjectReference>,
  field: string,
  anyGroup: boolean,
): FieldError[] {
  const { apiVersion = '' } = reference;
  const problem =
    groupVersionProblem(apiVersion) ??
    (anyGroup || groupVersionOf(apiVersion).group !== '' ? undefined : 'apiVersion must specify API group');
  return [
    ...(['kind', 'name'] as const).flatMap((name) => {
      const value = reference[name];
      const path = `${field}.${name}`;
      return value ? pathSegment(value).map((text) => invalid(path, value, text)) : [required(path)];
    }),
    ...(problem === undefined ? [] : [invalid(`${field}.apiVersion`, apiVersion, problem)]),
  ];
}
